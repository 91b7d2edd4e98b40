"""Bookings with their reminders, and the CRM's appointments."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal

from datalayer.demo.salon.draw import COMPANY_ID, NOW, TODAY, Draw, days_ago
from datalayer.query import Row


def bookings(
    draw: Draw, clients: Sequence[Row], services: Sequence[Row], staff: Sequence[Row], count: int
) -> list[Row]:
    """Return bookings from a week back to a week ahead."""
    bookable = [person for person in staff if person["service_ids"]]
    return [
        _booking(draw, record, draw.choice(clients), draw.choice(bookable), services)
        for record in draw.crm_ids(count, 900_000_000, 999_999_999)
    ]


def _booking(draw: Draw, record: int, client: Row, person: Row, services: Sequence[Row]) -> Row:
    day = TODAY + dt.timedelta(days=draw.randrange(-7, 8))
    start = dt.datetime.combine(day, dt.time(draw.randrange(10, 20), draw.choice((0, 15, 30, 45))))
    offered = [row for row in services if row["yclients_id"] in person["service_ids"]]
    chosen = draw.sample(offered, draw.choice((1, 1, 2)))
    past = day < TODAY
    return {
        "id": draw.uuid(),
        "yclients_record_id": record,
        "company_id": COMPANY_ID,
        "client_phone": client["phone"],
        "client_name": client["name"],
        "client_yclients_id": client["yclients_id"],
        "staff_id": person["yclients_id"],
        "staff_name": person["name"],
        "services": [row["title"] for row in chosen],
        "service_ids": [row["yclients_id"] for row in chosen],
        "datetime": start,
        "date": day,
        "duration": sum(row["duration"] for row in chosen),
        "cost": sum((row["price_min"] for row in chosen), Decimal("0.00")),
        "prepaid": None,
        "status": "completed" if past else draw.choice(("confirmed", "confirmed", "pending", "cancelled")),
        "visit_attendance": 1 if past else 0,
        "comment": draw.choice((None, None, "Просьба: тихая музыка", "Будет с ребёнком 👶; 'не курить'")),
        "online": draw.chance(0.5),
        "record_hash": draw.randbytes(16).hex(),
        "created_at": draw.moment(days_ago(draw.randrange(8, 20))),
        "updated_at": draw.moment(days_ago(draw.randrange(1, 8))),
        "synced_at": draw.moment(days_ago(0), (1, 5)),
        "created_by_bot": draw.chance(0.3),
    }


def reminders(draw: Draw, bookings: Sequence[Row], count: int) -> list[Row]:
    """Return reminders of so many bookings, two hours ahead; those whose time has come were sent."""
    rows = []
    for booking in draw.sample(bookings, count):
        due = booking["datetime"] - dt.timedelta(hours=2)
        sent = due < NOW.replace(tzinfo=None)
        rows.append(
            {
                "id": draw.uuid(),
                "booking_id": booking["id"],
                "remind_at": due,
                "channel": draw.choice(("whatsapp", "whatsapp", "sms")),
                "sent_at": due + dt.timedelta(seconds=1, microseconds=draw.randrange(10**6)) if sent else None,
                "status": "sent" if sent else "planned",
            }
        )
    return rows


def appointments(
    draw: Draw, clients: Sequence[Row], services: Sequence[Row], staff: Sequence[Row], count: int
) -> list[Row]:
    """Return appointments of a few clients, past and to come; the first client has every twelfth of them.

    ``client_id`` is the client's place in the table, which is the id that its sequence gives.
    """
    return [
        _appointment(draw, record, 0 if number % 12 == 0 else draw.randrange(len(clients)), clients, services, staff)
        for number, record in enumerate(draw.crm_ids(count, 800_000_000, 899_999_999))
    ]


def _appointment(
    draw: Draw, record: int, place: int, clients: Sequence[Row], services: Sequence[Row], staff: Sequence[Row]
) -> Row:
    start = NOW.replace(hour=7) + dt.timedelta(days=draw.randrange(-60, 45), minutes=15 * draw.randrange(40))
    cancelled = draw.chance(0.15)
    service = draw.choice(services)
    changed = draw.moment(days_ago(draw.randrange(61, 90))).replace(tzinfo=dt.UTC)
    return {
        "yclients_record_id": record,
        "company_id": COMPANY_ID,
        "client_id": place + 1,
        "client_phone": clients[place]["phone"],
        "service_id": service["yclients_id"],
        "staff_id": draw.choice(staff)["yclients_id"],
        "appointment_datetime": start,
        "cost": draw.roubles(800, 9000),
        "status": "cancelled" if cancelled else "confirmed",
        "is_cancelled": cancelled,
        "deleted": False,
        "cancellation_reason": "клиент заболел; просил 'перенести'" if cancelled else None,
        "raw_data": {"id": record, "services": [{"title": service["title"], "cost": 1500.5}], "comment": ""},
        "created_at": changed,
        "updated_at": changed,
    }
