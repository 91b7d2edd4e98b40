"""Clients."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.integration.repositories.samples import OTHER_SALON, SALON, client

from datalayer.errors import InvalidValueError, MultipleRowsError
from datalayer.repositories import RepositorySet


@pytest.mark.parametrize("phone", ["89686484488", "+7 968 648-44-88", "79686484488"])
async def test_find_by_phone_normalises_first(repositories: RepositorySet, phone: str) -> None:
    """However the number is written, it is the same client."""
    await repositories.clients.insert_many([client(1, phone="89686484488"), client(2)])
    found = await repositories.clients.find_by_phone(phone)
    assert found is not None
    assert found.yclients_id == 1
    assert await repositories.clients.find_by_phone(phone, OTHER_SALON) is None


async def test_find_by_phone_refuses_what_is_no_phone(repositories: RepositorySet) -> None:
    """Three digits are no question."""
    with pytest.raises(InvalidValueError, match="phone: is no possible phone number"):
        await repositories.clients.find_by_phone("112")


async def test_find_by_phone_asks_for_the_salon_when_several_have_it(repositories: RepositorySet) -> None:
    """One person may be a client of two salons."""
    await repositories.clients.insert_many([client(1), client(1, company_id=OTHER_SALON)])
    with pytest.raises(MultipleRowsError):
        await repositories.clients.find_by_phone("+79686480001")
    found = await repositories.clients.find_by_phone("+79686480001", OTHER_SALON)
    assert found is not None
    assert found.company_id == OTHER_SALON


async def test_find_by_raw_phone_takes_the_text_as_it_is(repositories: RepositorySet) -> None:
    """The CRM's own spelling is another column."""
    await repositories.clients.insert_many([client(1, raw_phone="8-968"), client(2, raw_phone="8968")])
    found = await repositories.clients.find_by_raw_phone("8-968", SALON)
    assert found is not None
    assert found.yclients_id == 1


async def test_find_by_yclients_id_takes_the_salon_when_given(repositories: RepositorySet) -> None:
    """Ids of the CRM are positive."""
    await repositories.clients.insert(client(1))
    assert await repositories.clients.find_by_yclients_id(1) is not None
    assert await repositories.clients.find_by_yclients_id(1, OTHER_SALON) is None
    with pytest.raises(InvalidValueError, match="yclients_id: must be a positive integer"):
        await repositories.clients.find_by_yclients_id(0)


async def test_search_by_name_finds_cyrillic_text_in_any_case(repositories: RepositorySet) -> None:
    """Latest visit first, none last, then most visits; of one salon only."""
    await repositories.clients.insert_many(
        [
            client(1, name="АННА", visit_count=1),
            client(2, name="Жанна", last_visit_date="2026-01-01", visit_count=1),
            client(3, name="Анна-Мария", last_visit_date="2026-01-01", visit_count=5),
            client(4, name="Ольга", last_visit_date="2026-05-01"),
            client(5, name="Сюзанна", last_visit_date="2026-02-01"),
            client(6, name="Анна", company_id=OTHER_SALON),
        ]
    )
    found = await repositories.clients.search_by_name(SALON, " анна ")
    assert [row.yclients_id for row in found] == [5, 3, 2, 1]
    assert [row.yclients_id for row in await repositories.clients.search_by_name(SALON, "анна", limit=1)] == [5]


async def test_search_by_name_refuses_an_empty_text(repositories: RepositorySet) -> None:
    """It would find everyone."""
    with pytest.raises(InvalidValueError, match="name: must not be empty"):
        await repositories.clients.search_by_name(SALON, "  ")


_NAMES = st.text(alphabet=st.sampled_from("аБ%_\\'\" x"), min_size=1, max_size=5)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=st.lists(_NAMES, min_size=1, max_size=6), text=_NAMES.filter(lambda text: bool(text.strip())))
async def test_search_by_name_takes_every_character_literally(
    repositories: RepositorySet, names: list[str], text: str
) -> None:
    r"""``%``, ``_``, ``\`` and quotes stand for themselves."""
    await repositories.clients.delete(every_row=True)
    rows = await repositories.clients.insert_many([client(number, name=name) for number, name in enumerate(names, 1)])
    found = await repositories.clients.search_by_name(SALON, text)
    expected = {row.id for row in rows if text.strip().casefold() in (row.name or "").casefold()}
    assert {row.id for row in found} == expected


async def test_names_by_yclients_ids_answers_those_that_exist(repositories: RepositorySet) -> None:
    """By id in the CRM, of one salon; of no ids, none."""
    await repositories.clients.insert_many([client(1, name="Анна"), client(2), client(3, name="Ольга")])
    assert await repositories.clients.names_by_yclients_ids(SALON, [1, 2, 9]) == {1: "Анна", 2: None}
    assert await repositories.clients.names_by_yclients_ids(SALON, []) == {}
    assert await repositories.clients.names_by_yclients_ids(OTHER_SALON, [1]) == {}
