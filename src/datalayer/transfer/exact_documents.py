"""JSON documents read so that no number in them loses a digit, and no name its value.

A store reads numbers inside of documents as floats. One that no float keeps comes as a Decimal here. Of names that an
object has twice a store reads the last; such an object comes as a tuple of its names with their values. Comparisons see
both as they are, and no document with one is written, for every store would read it back as another one.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from math import isfinite
from typing import Any, Final

from pydantic_core import from_json

from datalayer.query import JSON_NULL

#: What may be a number that no float keeps: as many digits, or an exponent. It begins with a digit in either case, by
#: which the search goes three times as fast.
_SUSPECT: Final = re.compile(r"[0-9](?:[0-9.]{16}|[eE][-+0-9])")


def exact_document(text: str) -> Any:
    """Read a document; its ``null`` is JSON_NULL. Raises ValueError for what is none."""
    parsed = from_json(text, allow_inf_nan=False)
    if _SUSPECT.search(text) or text.count(":") > _names(parsed):
        parsed = json.loads(text, parse_float=_number, object_pairs_hook=_members)
    return JSON_NULL if parsed is None else parsed


def unkept(document: Any) -> str | None:
    """Return what a document has, at any depth, that no store keeps; None without."""
    if isinstance(document, Decimal):
        return "a number in a document that floating point does not keep"
    if isinstance(document, float) and not isfinite(document):
        return "a number that is infinite, which JSON does not have"
    if isinstance(document, tuple):
        return "a name twice in one object of a document, of which one value would be lost"
    if isinstance(document, dict | list):
        return next(filter(None, map(unkept, document.values() if isinstance(document, dict) else document)), None)
    return None


def _names(document: Any) -> int:
    """Count the names in a document: each stands before a colon, but a colon may also be in a text."""
    if isinstance(document, dict):
        return len(document) + sum(map(_names, document.values()))
    return sum(map(_names, document)) if isinstance(document, list) else 0


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any] | tuple[tuple[str, Any], ...]:
    members = dict(pairs)
    return members if len(members) == len(pairs) else tuple(pairs)


def _number(text: str) -> float | Decimal:
    nearest = float(text)
    exact = Decimal(text)
    return nearest if isfinite(nearest) and Decimal(repr(nearest)) == exact else exact
