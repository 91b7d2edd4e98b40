"""The price list: 63 services in nine categories."""

from __future__ import annotations

from decimal import Decimal

from datalayer.demo.salon.draw import COMPANY_ID, Draw, days_ago
from datalayer.demo.salon.words import SERVICES
from datalayer.query import Row


def services(draw: Draw) -> list[Row]:
    """Return the services, a few of them no longer offered."""
    wanted = [(number, name, *service) for number, (name, offered) in enumerate(SERVICES) for service in offered]
    ids = draw.crm_ids(len(wanted), 10_000_000, 19_999_999)
    return [
        {
            "yclients_id": crm_id,
            "company_id": COMPANY_ID,
            "title": title,
            "category_id": category_id(category),
            "category_title": category_title,
            "price_min": Decimal(price),
            "price_max": Decimal(price) * Decimal("1.35") if draw.chance(0.4) else None,
            "discount": Decimal("7.5") if draw.chance(0.1) else Decimal(0),
            "duration": minutes,
            "seance_length": minutes * 60,
            "is_active": draw.chance(0.93),
            "is_bookable": price > 0,
            "description": f"{title}: {minutes} мин.\nЦена зависит от мастера и длины." if draw.chance(0.5) else None,
            "weight": len(wanted) - place,
            "created_at": draw.moment(days_ago(390)),
            "updated_at": draw.moment(days_ago(draw.randrange(1, 90))),
            "last_sync_at": draw.moment(days_ago(0), (1, 5)),
            "raw_data": {"id": crm_id, "price_prepaid_percent": 0, "staff": [], "online": {"text": None, "on": True}},
            "image_url": None,
            "declensions": {"винительный": title.lower()} if draw.chance(0.6) else None,
        }
        for place, (crm_id, (category, category_title, title, price, minutes)) in enumerate(
            zip(ids, wanted, strict=True)
        )
    ]


def category_id(category: int) -> int:
    """Return the CRM's id of a category, by its place in the list."""
    return 7_000_100 + category
