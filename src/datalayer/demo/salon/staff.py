"""The people who work in the salon, and their working days."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal

from datalayer.demo.salon.draw import COMPANY_ID, TODAY, Draw, days_ago
from datalayer.demo.salon.services import category_id
from datalayer.demo.salon.words import STAFF
from datalayer.query import JSON_NULL, Row


def staff(draw: Draw, services: Sequence[Row]) -> list[Row]:
    """Return the staff; the last one takes no bookings."""
    ids = draw.crm_ids(len(STAFF), 2_000_000, 2_999_999)
    return [
        {
            "yclients_id": crm_id,
            "company_id": COMPANY_ID,
            "name": name,
            "specialization": position,
            "position": position,
            "is_active": name != "Ульяна",
            "is_bookable": bool(categories),
            "rating": Decimal(draw.randrange(430, 501)).scaleb(-2),
            "votes_count": draw.randrange(0, 300),
            "comments_count": draw.randrange(0, 80),
            "information": "Опыт с 2015 года; дипломы, «Золотые ножницы» ✂️" if draw.chance(0.4) else None,
            "service_ids": [row["yclients_id"] for row in services if _offers(categories, row)],
            "email": None,
            "phone": phone if draw.chance(0.7) else None,
            "telegram": None,
            "experience_years": draw.choice((1, 3, 5, 8, 12, None)),
            "level_name": draw.choice(("мастер", "топ-мастер", None)),
            "created_at": draw.moment(days_ago(380)),
            "updated_at": draw.moment(days_ago(draw.randrange(1, 60))),
            "last_sync_at": draw.moment(days_ago(0), (1, 5)),
            "raw_data": {"id": crm_id, "schedule_till": "2026-12-31", "hidden": 0, "employee": None},
            "declensions": {"родительный": name} if categories else JSON_NULL,
        }
        for crm_id, phone, (name, position, categories) in zip(ids, draw.phones(len(STAFF)), STAFF, strict=True)
    ]


def staff_schedules(draw: Draw, staff: Sequence[Row], days: int = 9) -> list[Row]:
    """Return a row per person and day, from yesterday on; about every fifth day is off."""
    rows = []
    for person in staff:
        if not person["is_bookable"]:
            continue
        for offset in range(days):
            working = draw.chance(0.8)
            opens = draw.choice((9, 10, 12))
            rows.append(
                {
                    "yclients_staff_id": person["yclients_id"],
                    "staff_name": person["name"],
                    "date": TODAY + dt.timedelta(days=offset - 1),
                    "is_working": working,
                    "work_start": dt.time(opens) if working else None,
                    "work_end": dt.time(opens + 9, 30) if working else None,
                    "working_hours": f"{opens:02}:00-{opens + 9}:30" if working else None,
                    "last_updated": draw.moment(days_ago(1)),
                    "has_booking_slots": working and draw.chance(0.7),
                    "company_id": COMPANY_ID,
                }
            )
    return rows


def _offers(categories: Sequence[int], service: Row) -> bool:
    return any(service["category_id"] == category_id(category) for category in categories)
