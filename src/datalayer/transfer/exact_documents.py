"""JSON documents read so that no number in them loses a digit.

A store reads numbers inside of documents as floats. One that no float keeps comes as a Decimal here: comparisons see it
as it is, and no document with one is written, for every store would read it back as another number.
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
    if _SUSPECT.search(text):
        parsed = json.loads(text, parse_float=_number)
    return JSON_NULL if parsed is None else parsed


def has_long_number(document: Any) -> bool:
    """Whether a number is in a document, at any depth, that no float keeps."""
    if isinstance(document, dict):
        return any(map(has_long_number, document.values()))
    if isinstance(document, list):
        return any(map(has_long_number, document))
    return isinstance(document, Decimal)


def _number(text: str) -> float | Decimal:
    nearest = float(text)
    exact = Decimal(text)
    return nearest if isfinite(nearest) and Decimal(repr(nearest)) == exact else exact
