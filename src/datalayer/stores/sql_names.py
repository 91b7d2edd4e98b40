"""Names and texts inside SQL; PostgreSQL and SQLite quote alike."""

from __future__ import annotations

from collections.abc import Iterable


def quote(name: str) -> str:
    """Quote an identifier."""
    return '"' + name.replace('"', '""') + '"'


def quote_all(names: Iterable[str]) -> str:
    """Quote identifiers and join them by commas."""
    return ", ".join(map(quote, names))


def literal(text: str) -> str:
    """Quote a text."""
    return "'" + text.replace("'", "''") + "'"
