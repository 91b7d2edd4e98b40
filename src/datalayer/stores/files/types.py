"""Types of columns by what their values are in JSON, where nobody declared them; nothing is read into texts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

_BIGINT: Final = range(-(1 << 63), 1 << 63)
#: The SQLite store's words for types of the catalog that it would take for others.
_EXACT: Final[Mapping[str, str]] = {
    "numeric": "decimal_text",
    "json": "json_text",
    "jsonb": "json_text",
    "integer": "int4",
}


class SeenTypes:
    """The kinds of values that each column of a table has had so far, in the order the columns came."""

    def __init__(self) -> None:
        self._seen: dict[str, set[str]] = {}

    def add(self, record: Mapping[str, Any]) -> None:
        """Look at a record."""
        for name, value in record.items():
            self._seen.setdefault(name, set()).update(() if value is None else (_kind(value),))

    def columns(self, declared: Mapping[str, str], first: Iterable[str] = ()) -> dict[str, str]:
        """Return types as the SQLite store declares them.

        Args:
            declared: types that are known.
            first: columns that come first.
        """
        names = dict.fromkeys((*first, *self._seen, *declared))
        return {name: exact_type(declared[name]) if name in declared else self._type(name) for name in names}

    def _type(self, name: str) -> str:
        seen = self._seen.get(name, set())
        if seen == {"bigint", "numeric"}:
            return "decimal_text"
        if len(seen) == 1:
            return exact_type(next(iter(seen)))
        return "json_text" if seen else "text"


def exact_type(declared: str) -> str:
    """Return the SQLite store's word for a type of the catalog."""
    word = re.match(r"\w*", declared)
    name = word[0] if word else ""
    return _EXACT.get(name.lower(), name) + declared[len(name) :]


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "bigint" if value in _BIGINT else "numeric"
    if isinstance(value, Decimal):
        return "numeric"
    return "text" if isinstance(value, str) else "jsonb"
