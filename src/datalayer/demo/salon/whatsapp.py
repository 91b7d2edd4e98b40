"""The WhatsApp session: one login and its many keys."""

from __future__ import annotations

import datetime as dt
from typing import Any

from datalayer.demo.salon.draw import COMPANY_ID, NOW, Draw, days_ago
from datalayer.query import Row

_KEY_TYPES = ("pre-key", "pre-key", "pre-key", "pre-key", "session", "sender-key", "app-state-sync-key")


def whatsapp_auth(draw: Draw) -> list[Row]:
    """Return the login."""
    created = _zoned(draw, 120)
    creds = {
        "noiseKey": _key_pair(draw),
        "signedIdentityKey": _key_pair(draw),
        "registrationId": draw.randrange(1, 16_380),
        "me": {"id": "79035550000:12@s.whatsapp.net", "name": "Ромашка 🌼"},
        "platform": "android",
        "routingInfo": None,
    }
    return [{"company_id": str(COMPANY_ID), "creds": creds, "created_at": created, "updated_at": created}]


def whatsapp_keys(draw: Draw, count: int) -> list[Row]:
    """Return so many keys; sessions expire."""
    rows = []
    for number in range(count):
        key_type = draw.choice(_KEY_TYPES)
        created = _zoned(draw, draw.randrange(1, 120))
        rows.append(
            {
                "company_id": str(COMPANY_ID),
                "key_type": key_type,
                "key_id": f"{number + 1}" if key_type == "pre-key" else f"7903555{number:04}.0",
                "value": _key_pair(draw),
                "created_at": created,
                "updated_at": created,
                "expires_at": NOW + dt.timedelta(days=draw.randrange(-5, 30)) if key_type == "session" else None,
            }
        )
    return rows


def _key_pair(draw: Draw) -> dict[str, Any]:
    return {
        "private": {"type": "Buffer", "data": draw.base64(32)},
        "public": {"type": "Buffer", "data": draw.base64(33)},
    }


def _zoned(draw: Draw, days: int) -> dt.datetime:
    return draw.moment(days_ago(days)).replace(tzinfo=dt.UTC)
