"""The salon's clients."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from datalayer.demo.salon.draw import COMPANY_ID, Draw, days_ago
from datalayer.demo.salon.words import MEN, NAME_NOTES, NOTES, SOURCES, TAGS, TIME_SLOTS, WOMEN
from datalayer.query import JSON_NULL, Row


def clients(draw: Draw, services: Sequence[Row], staff: Sequence[Row], count: int) -> list[Row]:
    """Return so many clients; some were never there, some not for years."""
    ids = draw.crm_ids(count, 100_000_000, 299_999_999)
    return [
        {**_person(draw, phone), "yclients_id": crm_id, "company_id": COMPANY_ID, **_visits(draw, services, staff)}
        for crm_id, phone in zip(ids, draw.phones(count), strict=True)
    ]


def _person(draw: Draw, phone: str) -> Row:
    name = draw.choice(WOMEN if draw.chance(0.85) else MEN) + draw.choice(NAME_NOTES)
    talks = draw.choice((0, 0, 0, 2, 7, 31))
    created = draw.moment(days_ago(draw.randrange(30, 400)))
    return {
        "name": name if draw.chance(0.97) else None,
        "phone": phone,
        "raw_phone": f"+7 ({phone[1:4]}) {phone[4:7]}-{phone[7:9]}-{phone[9:]}",
        "email": f"client{phone[-4:]}@example.com" if draw.chance(0.2) else None,
        "discount": Decimal(draw.choice(("0", "0", "5", "7.5", "10.00"))),
        "branch_ids": [COMPANY_ID],
        "tags": draw.sample(TAGS, draw.randrange(4)) if draw.chance(0.7) else None,
        "status": draw.choice(("active", "active", "active", "inactive", None)),
        "source": draw.choice(SOURCES),
        "created_at": created,
        "updated_at": created + dt.timedelta(days=draw.randrange(1, 30), microseconds=1),
        "last_sync_at": draw.moment(days_ago(0), (1, 5)),
        "preferences": draw.choice((None, None, JSON_NULL, {}, {"кофе": True, "музыка": None, "мастер": ["Алина"]})),
        "preferred_time_slots": draw.sample(TIME_SLOTS, 2) if draw.chance(0.3) else [],
        "blacklisted": draw.chance(0.01),
        "notes": draw.choice(NOTES),
        "created_by_ai": talks > 2,
        "last_ai_interaction": draw.moment(days_ago(draw.randrange(1, 30))) if talks else None,
        "ai_context": {"last_topic": "запись", "настроение": "🙂", "slots": [[10, 30], []]} if talks else None,
        "ai_messages_count": talks,
        "ai_satisfaction_score": Decimal(draw.randrange(30, 51)).scaleb(-1) if talks > 2 else None,
    }


def _visits(draw: Draw, services: Sequence[Row], staff: Sequence[Row]) -> Row:
    visits = min(int(draw.expovariate(0.2)), 60)
    last = days_ago(draw.randrange(1, 700))
    first = last - dt.timedelta(days=visits * 21)
    history = [
        _visit(draw, draw.choice(services), last - dt.timedelta(days=21 * past)) for past in range(min(visits, 3))
    ]
    spent = sum((draw.roubles(800, 6000) for _ in range(visits)), Decimal("0.00"))
    goods = draw.chance(0.1)
    return {
        "visit_count": visits,
        "total_spent": spent,
        "average_bill": round(spent / visits, 2) if visits else None,
        "services_amount": spent,
        "first_visit_date": first if visits else None,
        "last_visit_date": last if visits else None,
        "last_services": [visit["service"] for visit in history] if visits else None,
        "last_service_ids": [visit["service_id"] for visit in history] if visits else None,
        "visit_history": history,
        "favorite_staff_ids": [draw.choice(staff)["yclients_id"]] if visits > 3 else None,
        "loyalty_level": "gold" if visits > 15 else "silver" if visits > 5 else None,
        "client_segment": draw.choice(("A", "B", "C")) if visits else "new",
        "goods_amount": draw.roubles(300, 3000) if goods else None,
        "goods_purchases": [{"товар": 'Шампунь "Ромашка"', "шт": 1}] if goods else None,
        "goods_count": int(goods),
    }


def _visit(draw: Draw, service: Row, day: dt.date) -> dict[str, Any]:
    return {
        "date": day.isoformat(),
        "service": service["title"],
        "service_id": service["yclients_id"],
        "cost": draw.randrange(500, 9000, 100),
    }
