"""How a row is named in messages: by its key, never by its other values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def key_text(key: Mapping[str, Any]) -> str:
    """Return a key in words, for example ``id=7, day=2024-01-01``; empty for none."""
    return ", ".join(f"{name}={value}" for name, value in key.items())


def row_name(key: Iterable[str], row: Mapping[str, Any], number: int, part: int | None = None) -> str:
    """Name a row by its key, or where it has none by its place, counted from 1, in the table or in a part of it."""
    place = f"row {number}" if part is None else f"row {number} of part {part}"
    return key_text({name: row[name] for name in key if name in row}) or f"{place} (as read)"
