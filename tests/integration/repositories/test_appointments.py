"""Appointments, bookings, and what is sent about them."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any, cast

import pytest
from tests.integration.repositories.conftest import NOW
from tests.integration.repositories.samples import OTHER_SALON, SALON, appointment

from datalayer.errors import InvalidValueError
from datalayer.query import col
from datalayer.repositories import RepositorySet
from datalayer.repositories.appointments import AppointmentOrder

HOUR = dt.timedelta(hours=1)


async def test_list_for_client_is_newest_first_unless_told_otherwise(repositories: RepositorySet) -> None:
    """In one of three orders, either way; those without the value come last."""
    await repositories.appointments.insert_many(
        [
            appointment(1, appointment_datetime=NOW, cost=Decimal("10.50")),
            appointment(2, appointment_datetime=NOW + HOUR, cost=Decimal("9.99"), company_id=OTHER_SALON),
            appointment(3, appointment_datetime=NOW - HOUR, cost=Decimal(100)),
            appointment(4),
            appointment(5, client_id=2, appointment_datetime=NOW),
        ]
    )

    async def ids(**arguments: Any) -> list[int]:
        rows = await repositories.appointments.list_for_client(1, **arguments)
        return [row.yclients_record_id for row in rows]

    assert await ids() == [2, 1, 3, 4]
    assert await ids(descending=False) == [3, 1, 2, 4]
    assert await ids(order_by="cost") == [3, 1, 2, 4]
    assert await ids(company_id=SALON, limit=2) == [1, 3]


async def test_list_for_client_refuses_other_orders(repositories: RepositorySet) -> None:
    """The refusal says which there are."""
    with pytest.raises(InvalidValueError, match="order_by: is one of appointment_datetime, created_at, cost"):
        await repositories.appointments.list_for_client(1, order_by=cast("AppointmentOrder", "status"))


async def test_upcoming_returns_what_is_still_to_come(repositories: RepositorySet) -> None:
    """From now on, neither cancelled nor deleted, the soonest first, ten at most."""
    await repositories.appointments.insert_many(
        [
            appointment(1, appointment_datetime=NOW - HOUR),
            appointment(2, appointment_datetime=NOW + 2 * HOUR, is_cancelled=None, deleted=None),
            appointment(3, appointment_datetime=NOW),
            appointment(4, appointment_datetime=NOW + HOUR, is_cancelled=True),
            appointment(5, appointment_datetime=NOW + HOUR, deleted=True),
            appointment(6, appointment_datetime=NOW + HOUR, company_id=OTHER_SALON),
            appointment(7),
        ]
    )
    rows = await repositories.appointments.upcoming(1, SALON)
    assert [row.yclients_record_id for row in rows] == [3, 2]
    await repositories.appointments.insert_many(
        [appointment(n, appointment_datetime=NOW + n * HOUR) for n in range(10, 25)]
    )
    assert len(await repositories.appointments.upcoming(1, SALON)) == 10


async def test_bookings_are_written_by_record_and_salon(repositories: RepositorySet) -> None:
    """Their time is the salon's clock, which is given without a zone."""
    booking = {
        "yclients_record_id": 1,
        "company_id": SALON,
        "datetime": "2026-11-21T15:00:00",
        "date": "2026-11-21",
    }
    first = await repositories.bookings.upsert({**booking, "services": ["Стрижка"], "service_ids": [1]})
    second = await repositories.bookings.upsert({**booking, "cost": "1500.50"})
    assert first.id == second.id
    assert (second.datetime, second.services, second.cost) == (
        dt.datetime(2026, 11, 21, 15),
        ["Стрижка"],
        Decimal("1500.50"),
    )
    assert second.synced_at == NOW.replace(tzinfo=None)
    assert await repositories.bookings.find_by_record_id(1, SALON) == second
    assert await repositories.bookings.find_by_record_id(1, OTHER_SALON) is None


async def test_a_time_with_a_zone_is_found_again_in_a_column_without_one(repositories: RepositorySet) -> None:
    """Stored in UTC and asked for in UTC, as a datetime and as a text."""
    at = dt.datetime(2026, 11, 21, 10, tzinfo=dt.timezone(dt.timedelta(hours=3)))
    for number, spelling in enumerate([at, at.isoformat(), at.astimezone(dt.UTC)], start=1):
        await repositories.bookings.upsert({"yclients_record_id": number, "company_id": SALON, "datetime": spelling})
    for spelling in (at, at.isoformat(), at.isoformat(" "), dt.datetime(2026, 11, 21, 7), "2026-11-21T07:00:00Z"):
        assert await repositories.bookings.count(datetime=spelling) == 3
        assert await repositories.bookings.count(col("datetime").in_([spelling])) == 3
        assert await repositories.bookings.count(col("datetime").gt(spelling)) == 0


async def test_reminders_are_due_until_they_are_sent(repositories: RepositorySet) -> None:
    """The soonest first."""
    booking = await repositories.bookings.insert({"yclients_record_id": 1, "company_id": SALON, "datetime": NOW})
    noon = NOW.replace(tzinfo=None)
    rows = await repositories.reminders.insert_many(
        [
            {"booking_id": booking.id, "remind_at": noon},
            {"booking_id": booking.id, "remind_at": noon - HOUR},
            {"booking_id": booking.id, "remind_at": noon - HOUR, "sent_at": noon},
            {"booking_id": booking.id, "remind_at": noon + HOUR},
        ]
    )
    assert [row.id for row in await repositories.reminders.list_due(NOW)] == [rows[1].id, rows[0].id]


async def test_a_notification_is_one_per_record_phone_type_and_day(repositories: RepositorySet) -> None:
    """The second of a day is laid over the first."""
    notification = {
        "yclients_record_id": 1,
        "company_id": SALON,
        "phone": "79686484488",
        "notification_type": "reminder",
        "notification_date": "2026-11-21",
    }
    await repositories.booking_notifications.upsert({**notification, "message": "one"})
    await repositories.booking_notifications.upsert({**notification, "message": "two"})
    assert [row.message for row in await repositories.booking_notifications.list()] == ["two"]
