"""Services."""

from __future__ import annotations

import pytest
from tests.integration.repositories.conftest import NOW
from tests.integration.repositories.samples import OTHER_SALON, SALON, service

from datalayer.errors import BatchItemError
from datalayer.repositories import RepositorySet


async def test_list_for_company_returns_active_services_by_weight_and_title(repositories: RepositorySet) -> None:
    """Inactive ones only when asked for; other salons' never."""
    await repositories.services.insert_many(
        [
            service(1, title="Б", weight=1),
            service(2, title="А", weight=1),
            service(3, weight=9),
            service(4, weight=5, is_active=False),
            service(5, company_id=OTHER_SALON),
        ]
    )
    active = await repositories.services.list_for_company(SALON)
    assert [row.yclients_id for row in active] == [3, 2, 1]
    everything = await repositories.services.list_for_company(SALON, include_inactive=True)
    assert [row.yclients_id for row in everything] == [3, 4, 2, 1]


async def test_list_for_company_returns_more_than_1000(repositories: RepositorySet) -> None:
    """No cap cuts the list short."""
    await repositories.services.sync_many(service(number) for number in range(1, 1306))
    assert len(await repositories.services.list_for_company(SALON)) == 1305


async def test_list_by_category_returns_active_services(repositories: RepositorySet) -> None:
    """Of one category of one salon."""
    await repositories.services.insert_many(
        [service(1, category_id=7), service(2, category_id=7, is_active=False), service(3, category_id=8)]
    )
    assert [row.yclients_id for row in await repositories.services.list_by_category(SALON, 7)] == [1]


async def test_find_by_yclients_id_takes_the_salon_when_given(repositories: RepositorySet) -> None:
    """A service is known by its id in the CRM."""
    await repositories.services.insert(service(1))
    assert await repositories.services.find_by_yclients_id(1) is not None
    assert await repositories.services.find_by_yclients_id(1, OTHER_SALON) is None


async def test_titles_by_yclients_ids_answers_those_that_exist(repositories: RepositorySet) -> None:
    """By id in the CRM."""
    await repositories.services.insert_many([service(1), service(2)])
    assert await repositories.services.titles_by_yclients_ids(SALON, [2, 3]) == {2: "Услуга 2"}


async def test_upsert_many_trims_titles_and_stamps_the_synchronisation(repositories: RepositorySet) -> None:
    """An empty title is a bad row."""
    (row,) = await repositories.services.upsert_many([service(1, title=" Стрижка ")])
    noon = NOW.replace(tzinfo=None)
    assert (row.title, row.updated_at, row.last_sync_at) == ("Стрижка", noon, noon)
    with pytest.raises(BatchItemError, match="row 1, title: must not be empty"):
        await repositories.services.upsert_many([service(1), service(2, title=" ")])
