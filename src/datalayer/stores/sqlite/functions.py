"""What SQLite lacks of PostgreSQL's meaning, as deterministic functions and collations of every connection."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

from pydantic_core import from_json, to_json


def register(connection: sqlite3.Connection) -> None:
    """Make the functions and collations known to a connection."""
    for name, function in (
        ("datalayer_like", like),
        ("datalayer_ilike", ilike),
        ("datalayer_array_contains", array_contains),
        ("datalayer_json_contains", json_contains),
    ):
        connection.create_function(name, 2, function, deterministic=True)
    connection.create_function("datalayer_document", 1, document, deterministic=True)
    connection.create_function("datalayer_spelled", 1, spelled, deterministic=True)
    connection.create_collation("datalayer_decimal", compare_decimals)
    connection.create_collation("datalayer_timestamp", compare_timestamps)


def like(value: str | None, pattern: str) -> bool | None:
    r"""Match the whole text; ``%`` any characters, ``_`` one, ``\`` takes the next literally."""
    return None if value is None else _matcher(pattern)(value)


def ilike(value: str | None, pattern: str) -> bool | None:
    """Like :func:`like`, in any case, in any script."""
    return None if value is None else _matcher(pattern.lower())(value.lower())


@lru_cache(maxsize=512)
def _matcher(pattern: str) -> Callable[[str], bool]:
    """Translate a pattern. Each stretch between two ``%`` is an atomic group: the first place it fits is enough."""
    stretches = [""]
    letters = iter(pattern)
    for letter in letters:
        if letter == "%":
            stretches.append("")
        elif letter == "_":
            stretches[-1] += "."
        else:
            stretches[-1] += re.escape(next(letters, "\\") if letter == "\\" else letter)
    if len(stretches) == 1:
        expression = stretches[0]
    else:
        first, *middle, last = stretches
        expression = first + "".join(f"(?>.*?{stretch})" for stretch in middle if stretch) + f".*{last}"
    compiled = re.compile(expression, re.DOTALL)
    return lambda value: compiled.fullmatch(value) is not None


def array_contains(value: str | None, wanted: str) -> bool | None:
    """Say whether an array has every wanted element, whatever the dimensions; NULL is in no array."""
    if value is None:
        return None
    needed = _elements(wanted)
    return None not in needed and needed <= _elements(value)


@lru_cache(maxsize=256)
def _elements(text: str) -> frozenset[Any]:
    found: set[Any] = set()
    waiting = [from_json(text)]
    while waiting:
        element = waiting.pop()
        if isinstance(element, list):
            waiting.extend(element)
        else:
            found.add(element)
    return frozenset(found)


def json_contains(value: str | int | float | None, wanted: str) -> bool | None:
    """Say whether a document has the wanted one inside.

    Source: PostgreSQL 18 manual, 8.14.3 "jsonb Containment and Existence"; an array contains a bare scalar only at
    the top level.
    """
    if value is None:
        return None
    whole, part = _parsed(value), _parsed(wanted)
    if isinstance(whole, list) and not isinstance(part, list | dict):
        return any(_same(element, part) for element in whole)
    return _contains(whole, part)


def _contains(whole: Any, part: Any) -> bool:
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(key in whole and _contains(whole[key], part[key]) for key in part)
    if isinstance(part, list):
        return isinstance(whole, list) and all(any(_contains(w, p) for w in whole) for p in part)
    return _same(whole, part)


def _same(left: Any, right: Any) -> bool:
    """Equal scalars; Python takes True for 1, JSON does not."""
    return bool(left == right) and isinstance(left, bool) == isinstance(right, bool)


def document(value: str | int | float | None) -> str | None:
    """Spell a document or array in one way, so that equal ones are equal texts: keys sorted, 1.0 as 1."""
    return None if value is None else to_json(_canonical(_parsed(value))).decode()


def _canonical(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _canonical(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [_canonical(element) for element in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _parsed(value: str | float) -> Any:
    return from_json(value) if isinstance(value, str) else value


def spelled(value: bytes | float | str | None) -> str | None:
    """Spell what JSON cannot carry exactly (bytes, floats), for in-lists."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, float):
        return repr(value + 0.0)
    return None if value is None else str(value)


def compare_decimals(left: str, right: str) -> int:
    """Order texts by the numbers they spell; NaN equals itself and is greater than all numbers."""
    if left == right:
        return 0
    first, second = _rank(left), _rank(right)
    return (first > second) - (first < second)


def _rank(text: str) -> tuple[int, Decimal, str]:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return 2, Decimal(), text
    return (1, Decimal(), "") if number.is_nan() else (0, number, "")


def compare_timestamps(left: str, right: str) -> int:
    """Order ISO texts by the moment they spell; what is none comes after all."""
    if left == right:
        return 0
    first, second = _moment(left), _moment(right)
    return (first > second) - (first < second)


@lru_cache(maxsize=4096)
def _moment(text: str) -> tuple[int, datetime, str]:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return 1, datetime.max.replace(tzinfo=UTC), text
    return 0, moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment, ""
