"""Calls about staff, schedules, services and the salon itself."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from tests.integration.layer.conftest import DrivenClock
from tests.integration.layer.salon import COMPANY, OTHER_COMPANY, schedule, service, staff_member

from datalayer import BatchItemError, DataLayer, InvalidValueError


async def test_get_staff_lists_the_active_by_name(layer: DataLayer) -> None:
    """The inactive come only when asked for, other salons' never."""
    await layer.staff.upsert_many(
        [
            staff_member(1, name="Яна"),
            staff_member(2, name="Анна"),
            staff_member(3, name="Ольга", is_active=False),
            staff_member(4, name="Мария", company_id=OTHER_COMPANY),
        ]
    )
    assert [row.name for row in await layer.get_staff(COMPANY)] == ["Анна", "Яна"]
    assert [row.name for row in await layer.get_staff(COMPANY, True)] == ["Анна", "Ольга", "Яна"]


async def test_get_staff_by_id_looks_in_the_salon(layer: DataLayer) -> None:
    """A CRM id of another salon is not found."""
    await layer.staff.upsert_many([staff_member(1)])
    found = await layer.get_staff_by_id(1, COMPANY)
    assert found is not None
    assert found.name == "Мастер 1"
    assert await layer.get_staff_by_id(1, OTHER_COMPANY) is None


async def test_get_staff_schedules_uses_every_filter(layer: DataLayer) -> None:
    """Each filter narrows the answer; the salon always does."""
    await layer.upsert_staff_schedules(
        [
            schedule(2, "2026-03-02"),
            schedule(1, "2026-03-02"),
            schedule(1, "2026-03-01", is_working=False),
            schedule(1, "2026-03-03"),
            schedule(1, "2026-03-02", company_id=OTHER_COMPANY),
        ]
    )

    async def days(**options: Any) -> list[tuple[int, int]]:
        found = await layer.get_staff_schedules(company_id=COMPANY, **options)
        return [(row.date.day, row.yclients_staff_id) for row in found]

    assert await days() == [(1, 1), (2, 1), (2, 2), (3, 1)]
    assert await days(staff_id=1) == [(1, 1), (2, 1), (3, 1)]
    assert await days(staff_name="Мастер 2") == [(2, 2)]
    assert await days(date_from="2026-03-02") == [(2, 1), (2, 2), (3, 1)]
    assert await days(date_to=dt.date(2026, 3, 2)) == [(1, 1), (2, 1), (2, 2)]
    assert await days(is_working=False) == [(1, 1)]
    assert await days(limit=2) == [(1, 1), (2, 1)]


@pytest.mark.parametrize("date", ["2026-02-30", "02.03.2026", "2026-3-2", ""])
async def test_get_staff_schedules_refuses_what_is_no_iso_date(embedded_layer: DataLayer, date: str) -> None:
    """A date in another form is not guessed at."""
    for argument in ("date_from", "date_to"):
        bound: dict[str, Any] = {argument: date}
        with pytest.raises(InvalidValueError) as caught:
            await embedded_layer.get_staff_schedules(company_id=COMPANY, **bound)
        assert caught.value.field == argument


async def test_get_staff_schedule_finds_one_day(layer: DataLayer) -> None:
    """A day that is not there is None."""
    await layer.upsert_staff_schedules([schedule(1, "2026-03-02", work_start="09:00", work_end="18:30")])
    found = await layer.get_staff_schedule(1, "2026-03-02")
    assert found is not None
    assert (found.work_start, found.work_end) == (dt.time(9), dt.time(18, 30))
    assert await layer.get_staff_schedule(1, dt.date(2026, 3, 2), COMPANY) == found
    assert await layer.get_staff_schedule(1, "2026-03-02", OTHER_COMPANY) is None
    assert await layer.get_staff_schedule(1, "2026-03-03") is None


async def test_upsert_staff_schedules_sets_last_updated(layer: DataLayer, clock: DrivenClock) -> None:
    """A day is written by staff member, date and salon."""
    (first,) = await layer.upsert_staff_schedules([schedule(1, "2026-03-02")])
    assert first.last_updated == clock.naive
    clock.move(minutes=5)
    (second,) = await layer.upsert_staff_schedules([schedule(1, "2026-03-02", is_working=False)])
    assert (second.id, second.is_working, second.last_updated) == (first.id, False, clock.naive)


async def test_upsert_staff_schedules_names_the_row_without_a_salon(embedded_layer: DataLayer) -> None:
    """A part of the key that is missing is found before anything is sent."""
    row = schedule(1, "2026-03-02")
    del row["company_id"]
    with pytest.raises(BatchItemError) as caught:
        await embedded_layer.upsert_staff_schedules([schedule(2, "2026-03-02"), row])
    assert [(problem.index, problem.field) for problem in caught.value.problems] == [(1, "company_id")]


async def test_get_services_are_ordered_by_weight_and_title(layer: DataLayer) -> None:
    """The heaviest first, the inactive only when asked for."""
    await layer.upsert_services(
        [
            service(1, weight=1, title="Б"),
            service(2, weight=5, title="Я"),
            service(3, weight=1, title="А"),
            service(4, weight=9, title="В", is_active=False),
            service(5, weight=9, title="Г", company_id=OTHER_COMPANY),
        ]
    )
    assert [row.yclients_id for row in await layer.get_services(COMPANY)] == [2, 3, 1]
    assert [row.yclients_id for row in await layer.get_services(COMPANY, include_inactive=True)] == [4, 2, 3, 1]


async def test_get_services_answers_all_beyond_the_cap_of_a_server(layer: DataLayer) -> None:
    """1,304 services are 1,304 services, also where the server answers 1,000 at most."""
    await layer.services.sync_many(service(number) for number in range(1, 1305))
    assert len(await layer.get_services(COMPANY)) == 1304


async def test_get_service_by_id_answers_one_or_none(layer: DataLayer) -> None:
    """With or without the salon."""
    await layer.upsert_services([service(1)])
    assert await layer.get_service_by_id(1) is not None
    assert await layer.get_service_by_id(1, COMPANY) is not None
    assert await layer.get_service_by_id(1, OTHER_COMPANY) is None


async def test_get_services_by_category_lists_the_active(layer: DataLayer) -> None:
    """One category, the heaviest first."""
    await layer.upsert_services(
        [
            service(1, category_id=7),
            service(2, category_id=7, weight=3),
            service(3, category_id=7, is_active=False),
            service(4, category_id=8),
        ]
    )
    assert [row.yclients_id for row in await layer.get_services_by_category(COMPANY, 7)] == [2, 1]


async def test_upsert_services_trims_and_stamps(layer: DataLayer, clock: DrivenClock) -> None:
    """Title clean, both times set."""
    (stored,) = await layer.upsert_services([service(1, title="  Стрижка ")])
    assert (stored.title, stored.updated_at, stored.last_sync_at) == ("Стрижка", clock.naive, clock.naive)


async def test_company_is_written_and_read_by_its_crm_id(layer: DataLayer, clock: DrivenClock) -> None:
    """A salon is one row."""
    assert await layer.get_company(COMPANY) is None
    stored = await layer.upsert_company({"company_id": COMPANY, "title": "Салон", "sms_short_names": ["SALON", None]})
    assert await layer.get_company(COMPANY) == stored
    assert (stored.title, stored.sms_short_names, stored.updated_at) == ("Салон", ["SALON", None], clock.naive)


async def test_upsert_company_requires_a_title(embedded_layer: DataLayer) -> None:
    """A salon without a name is refused."""
    with pytest.raises(InvalidValueError) as caught:
        await embedded_layer.upsert_company({"company_id": COMPANY})
    assert caught.value.field == "title"
