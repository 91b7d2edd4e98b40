"""Moments with a zone on their way to columns without one: kept in UTC, on every store."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any


def clock_reading(value: Any) -> Any:
    """Bring a datetime with a zone, or a text that spells one, to UTC without zone; anything else stays as it is.

    Source: PostgreSQL 18 manual, Date/Time Types: for a timestamp without time zone "PostgreSQL will silently ignore
    any time zone indication". Left to the server, a text would mean another moment than the datetime that it spells.

    Raises:
        OverflowError: UTC has no year for it.
    """
    moment = _spelled(value) if isinstance(value, str) else value
    if not isinstance(moment, datetime) or moment.tzinfo is None:
        return value
    return moment.astimezone(UTC).replace(tzinfo=None)


def _spelled(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text.strip())
    except ValueError:
        return None
