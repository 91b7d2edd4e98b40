"""The one salon."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from datalayer.demo.salon.draw import COMPANY_ID, Draw, days_ago
from datalayer.query import Row


def companies(draw: Draw) -> list[Row]:
    """Return the salon."""
    opened = draw.moment(days_ago(400))
    return [
        {
            "company_id": COMPANY_ID,
            "yclients_id": COMPANY_ID,
            "title": 'Салон красоты "Ромашка" 🌼',
            "address": "ул. Садовая, д. 7; вход со двора",
            "phone": "74955550101",
            "timezone": "Europe/Moscow",
            "working_hours": "10:00-21:00",
            "coordinate_lat": Decimal("55.7520233"),
            "coordinate_lon": Decimal("37.61749940"),
            "currency": "RUB",
            "ai_enabled": True,
            "created_at": opened,
            "updated_at": draw.moment(days_ago(1)),
            "last_sync_at": draw.moment(days_ago(0), (1, 5)),
            "raw_data": {"id": COMPANY_ID, "rating": 4.9, "photos": [], "schedule": {"пн": [600, 1260]}, "bank": None},
            "whatsapp_enabled": True,
            "whatsapp_config": {"greeting": "Здравствуйте! Это Ромашка 🌼", "delay_ms": [800, 2500]},
            "whatsapp_connected": True,
            "whatsapp_phone": "79035550000",
            "whatsapp_connected_at": opened + dt.timedelta(days=2),
            "integration_status": "active",
            "subscription_expires_at": dt.datetime(2027, 1, 31, 20, 59, 59, 999999, tzinfo=dt.UTC),
            "sms_short_names": ["ROMASHKA", None],
            "status": "active",
        }
    ]
