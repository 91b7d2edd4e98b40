"""Column defaults that PostgreSQL and SQLite both understand: literals, now, today, a random uuid.

A default is read from one store's own expression and written as the other's; what has no word there is None.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import Enum
from typing import Final, TypeAlias

from datalayer.stores.catalog import Column, Kind
from datalayer.stores.sql_names import literal
from datalayer.transfer.conversions import INTEGERS


class Special(Enum):
    """Defaults that are computed for each row."""

    NOW = "now"
    TODAY = "today"
    RANDOM_UUID = "random uuid"


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant, as text."""

    text: str


Default: TypeAlias = Special | Literal

#: SQLite's spelling of a random uuid, version 4.
_SQLITE_UUID: Final = (
    "lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2)"
    " || '-' || substr('89ab', 1 + (random() & 3), 1) || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6)))"
)
_SQLITE_NOW: Final = "strftime('%Y-%m-%d %H:%M:%f000', 'now')"
_SQLITE_NOW_UTC: Final = "strftime('%Y-%m-%d %H:%M:%f000+00:00', 'now')"

_SPECIALS: Final[Mapping[Special, tuple[str, ...]]] = {
    Special.NOW: (
        "now()",
        "current_timestamp",
        "localtimestamp",
        "transaction_timestamp()",
        "clock_timestamp()",
        "timezone('utc'::text, now())",
        "now() at time zone 'utc'::text",
        "datetime('now')",
        _SQLITE_NOW,
        _SQLITE_NOW_UTC,
    ),
    Special.TODAY: ("current_date", "date('now')", "now()::date", "'now'::text::date"),
    Special.RANDOM_UUID: (
        "gen_random_uuid()",
        "uuid_generate_v4()",
        "extensions.uuid_generate_v4()",
        _SQLITE_UUID,
    ),
}
_QUOTED = re.compile(r"^'((?:[^']|'')*)'(?:::[\w\s\"\[\](),.]+)?$")
_NUMBER = re.compile(r"^\(?([-+]?\d+(?:\.\d+)?)\)?(?:::[\w\s(),]+)?$")
_NULL = re.compile(r"null(::[\w\s\"\[\](),.]+)?", re.IGNORECASE)
_TRUTH = {"true": "true", "t": "true", "1": "true", "false": "false", "f": "false", "0": "false"}
_NUMERIC_KINDS = INTEGERS | {Kind.NUMERIC, Kind.REAL, Kind.DOUBLE}
_MOMENT_KINDS = frozenset({Kind.TIMESTAMP, Kind.TIMESTAMPTZ})


def is_null(expression: str) -> bool:
    """Whether a default says what a column without one does."""
    return _NULL.fullmatch(_without_parentheses(expression.strip())) is not None


def read_default(expression: str) -> Default | None:
    """Understand a store's default expression; None where it is none of the known ones."""
    bare = _without_parentheses(expression.strip())
    plain = re.sub(r"[\s()]+", "", bare).lower()
    for special, spellings in _SPECIALS.items():
        if any(plain == re.sub(r"[\s()]+", "", spelling).lower() for spelling in spellings):
            return special
    if bare.lower() in {"true", "false"}:
        return Literal(bare.lower())
    quoted = _QUOTED.match(bare)
    if quoted is not None:
        return Literal(quoted[1].replace("''", "'"))
    number = _NUMBER.match(bare)
    return None if number is None else Literal(number[1])


def postgres_default(default: Default, column: Column) -> str | None:
    """Write a default for a column of PostgreSQL; None where it has no meaning there."""
    kind = column.type.kind
    if column.type.array:
        return "'{}'" if default in (Literal("{}"), Literal("[]")) else None
    if isinstance(default, Literal):
        text = _literal_text(default.text, kind)
        return None if text is None else literal(text)
    if default is Special.RANDOM_UUID:
        return "gen_random_uuid()" if kind in {Kind.UUID, Kind.TEXT} else None
    if kind in _MOMENT_KINDS:
        return "now()" if default is Special.NOW else "current_date"
    return "current_date" if kind is Kind.DATE else None


def sqlite_default(default: Default, column: Column) -> str | None:
    """Write a default for a column of SQLite; None where it has no meaning there."""
    kind = column.type.kind
    if column.type.array:
        return "'[]'" if default in (Literal("{}"), Literal("[]")) else None
    if isinstance(default, Literal):
        text = _literal_text(default.text, kind)
        if text is None:
            return None
        if kind is Kind.BOOLEAN:
            return str(int(text == "true"))
        return text if kind in _NUMERIC_KINDS and kind is not Kind.NUMERIC else literal(text)
    if default is Special.RANDOM_UUID:
        return f"({_SQLITE_UUID})" if kind in {Kind.UUID, Kind.TEXT} else None
    if kind is Kind.DATE:
        return "current_date"
    if default is Special.NOW and kind in _MOMENT_KINDS:
        return f"({_SQLITE_NOW if kind is Kind.TIMESTAMP else _SQLITE_NOW_UTC})"
    return None


def _literal_text(text: str, kind: Kind) -> str | None:
    """Return the text if it is surely a value of the kind on every store."""
    if kind in {Kind.TEXT, Kind.JSON, Kind.JSONB}:
        return text
    if kind is Kind.BOOLEAN:
        return _TRUTH.get(text.lower())
    if kind not in _NUMERIC_KINDS:
        return None
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return text if number.is_finite() and (kind not in INTEGERS or number == number.to_integral_value()) else None


def _without_parentheses(text: str) -> str:
    """Strip parentheses around the whole expression."""
    while text.startswith("(") and text.endswith(")") and _closes_at_end(text):
        text = text[1:-1].strip()
    return text


def _closes_at_end(text: str) -> bool:
    depth = 0
    for place, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if depth == 0:
            return place == len(text) - 1
    return False
