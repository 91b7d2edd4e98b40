"""Staff and their schedules."""

from __future__ import annotations

import datetime as dt

import pytest
from tests.integration.repositories.conftest import NOW
from tests.integration.repositories.samples import OTHER_SALON, SALON, member, schedule

from datalayer.errors import InvalidValueError
from datalayer.repositories import RepositorySet


async def test_list_for_company_returns_active_staff_by_name(repositories: RepositorySet) -> None:
    """Inactive ones only when asked for; other salons' never."""
    await repositories.staff.insert_many(
        [member(1, name="В"), member(2, name="А"), member(3, name="Б", is_active=False)]
    )
    await repositories.staff.insert(member(1, company_id=OTHER_SALON))
    assert [row.yclients_id for row in await repositories.staff.list_for_company(SALON)] == [2, 1]
    everyone = await repositories.staff.list_for_company(SALON, include_inactive=True)
    assert [row.yclients_id for row in everyone] == [2, 3, 1]


async def test_find_by_yclients_id_needs_the_salon(repositories: RepositorySet) -> None:
    """A person may work at two salons."""
    await repositories.staff.insert(member(1))
    assert await repositories.staff.find_by_yclients_id(1, SALON) is not None
    assert await repositories.staff.find_by_yclients_id(1, OTHER_SALON) is None


async def test_active_yclients_ids_and_deactivate_all(repositories: RepositorySet) -> None:
    """Both are about one salon."""
    await repositories.staff.insert_many([member(3), member(1), member(2, is_active=False)])
    await repositories.staff.insert(member(4, company_id=OTHER_SALON))
    assert await repositories.staff.active_yclients_ids(SALON) == [1, 3]
    assert await repositories.staff.deactivate_all(SALON) == 2
    assert await repositories.staff.active_yclients_ids(SALON) == []
    assert await repositories.staff.active_yclients_ids(OTHER_SALON) == [4]


async def test_names_by_yclients_ids_answers_those_that_exist(repositories: RepositorySet) -> None:
    """By id in the CRM."""
    await repositories.staff.insert_many([member(1), member(2)])
    assert await repositories.staff.names_by_yclients_ids(SALON, [2, 3]) == {2: "Мастер 2"}


async def _fill(repositories: RepositorySet) -> None:
    await repositories.staff_schedules.insert_many(
        [
            schedule(1, "2026-11-20", staff_name="Б"),
            schedule(1, "2026-11-21", staff_name="Б", is_working=False),
            schedule(1, "2026-11-22", staff_name="Б"),
            schedule(2, "2026-11-20", staff_name="А"),
            schedule(2, "2026-11-23", staff_name="А"),
            schedule(1, "2026-11-20", staff_name="Б", company_id=OTHER_SALON),
        ]
    )


def _days(rows: list[dt.date]) -> list[int]:
    return [day.day for day in rows]


async def test_search_uses_every_filter_that_is_given(repositories: RepositorySet) -> None:
    """The salon is always one of them; by date and name."""
    await _fill(repositories)
    schedules = repositories.staff_schedules
    rows = await schedules.search(SALON)
    assert [(row.date.day, row.staff_name) for row in rows] == [(20, "А"), (20, "Б"), (21, "Б"), (22, "Б"), (23, "А")]
    assert _days([row.date for row in await schedules.search(SALON, staff_id=1)]) == [20, 21, 22]
    assert _days([row.date for row in await schedules.search(SALON, staff_name="А")]) == [20, 23]
    assert _days([row.date for row in await schedules.search(SALON, is_working=False)]) == [21]
    between = await schedules.search(SALON, date_from="2026-11-21", date_to=dt.date(2026, 11, 22))
    assert _days([row.date for row in between]) == [21, 22]
    assert len(await schedules.search(SALON, limit=2)) == 2
    assert [row.company_id for row in await schedules.search(OTHER_SALON)] == [OTHER_SALON]


async def test_search_refuses_what_is_no_date_or_id(repositories: RepositorySet) -> None:
    """Arguments are held to the rules of their columns."""
    with pytest.raises(InvalidValueError, match="date_from: must be an ISO date"):
        await repositories.staff_schedules.search(SALON, date_from="21.11.2026")
    with pytest.raises(InvalidValueError, match="staff_id: must be a positive integer"):
        await repositories.staff_schedules.search(SALON, staff_id=0)


async def test_find_day_returns_one_day(repositories: RepositorySet) -> None:
    """Of one salon, when one is named."""
    await _fill(repositories)
    found = await repositories.staff_schedules.find_day(1, "2026-11-21")
    assert found is not None
    assert found.is_working is False
    assert await repositories.staff_schedules.find_day(1, "2026-11-21", OTHER_SALON) is None


async def test_list_for_staff_returns_a_range_of_dates_with_both_ends(repositories: RepositorySet) -> None:
    """Of these staff only."""
    await _fill(repositories)
    rows = await repositories.staff_schedules.list_for_staff(SALON, [1, 3], "2026-11-20", "2026-11-21")
    assert [(row.yclients_staff_id, row.date.day) for row in rows] == [(1, 20), (1, 21)]


async def test_working_days_leaves_out_days_off(repositories: RepositorySet) -> None:
    """In order."""
    await _fill(repositories)
    days = await repositories.staff_schedules.working_days(SALON, 1, "2026-11-01", "2026-11-30")
    assert days == [dt.date(2026, 11, 20), dt.date(2026, 11, 22)]


async def test_delete_older_than_keeps_the_day_itself(repositories: RepositorySet) -> None:
    """Of one salon, or of all."""
    await _fill(repositories)
    assert await repositories.staff_schedules.delete_older_than("2026-11-21", SALON) == 2
    assert await repositories.staff_schedules.delete_older_than("2026-11-22") == 2
    assert _days([row.date for row in await repositories.staff_schedules.list()]) == [22, 23]


async def test_upsert_many_writes_by_person_day_and_salon(repositories: RepositorySet) -> None:
    """And says when."""
    await _fill(repositories)
    rows = await repositories.staff_schedules.upsert_many(
        [schedule(1, "2026-11-21", is_working=True, work_start="10:00", work_end="19:30:00")]
    )
    assert [(row.is_working, row.work_start, row.staff_name) for row in rows] == [(True, dt.time(10), "Б")]
    assert rows[0].last_updated == NOW.replace(tzinfo=None)
    assert await repositories.staff_schedules.count() == 6
