"""What differs between two answers to one question, and of which kind the difference is."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, Literal, TypeAlias

from datalayer.outbox.entries import Key
from datalayer.query import Row

MismatchClass: TypeAlias = Literal["missing", "extra", "value", "null", "precision", "order", "type", "error"]

#: Numbers that differ by less were rounded, not changed.
_ROUNDED: Final = 1e-6
_SAME_MOMENT: Final = dt.timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One difference.

    Args:
        key: of the row; None where the answer does not tell.
        column: the first column that differs; None where the whole row or its place does.
        control: what the primary answered there.
        candidate: what the other store answered.
    """

    kind: MismatchClass
    key: Key | None = None
    column: str | None = None
    control: Any = None
    candidate: Any = None


def compare_rows(
    control: Sequence[Row], candidate: Sequence[Row], key: Sequence[str], *, ordered: bool
) -> list[Mismatch]:
    """Compare two answers by the rows' keys; one mismatch a key, and one for the order where nothing else differs.

    Args:
        key: columns that tell rows apart and are in every row; without them, rows are compared by their places.
        ordered: whether the question asked for an order.
    """
    if not key:
        return _by_place(control, candidate)
    ours = {tuple(row[name] for name in key): row for row in control}
    theirs = {tuple(row[name] for name in key): row for row in candidate}
    found = [Mismatch("missing", missing) for missing in ours if missing not in theirs]
    found += [Mismatch("extra", extra) for extra in theirs if extra not in ours]
    for shared, row in ours.items():
        if shared in theirs and (different := _row_mismatch(row, theirs[shared], shared)) is not None:
            found.append(different)
    if not found and ordered and list(ours) != list(theirs):
        found.append(Mismatch("order"))
    return found


def compare_counts(control: int, candidate: int) -> list[Mismatch]:
    """Compare two counts: rows are missing or extra, nobody knows which."""
    if control == candidate:
        return []
    return [Mismatch("missing" if candidate < control else "extra", control=control, candidate=candidate)]


def _by_place(control: Sequence[Row], candidate: Sequence[Row]) -> list[Mismatch]:
    if len(control) != len(candidate):
        return [Mismatch("missing" if len(candidate) < len(control) else "extra")]
    pairs = zip(control, candidate, strict=True)
    return [different for ours, theirs in pairs if (different := _row_mismatch(ours, theirs, None)) is not None]


def _row_mismatch(control: Mapping[str, Any], candidate: Mapping[str, Any], key: Key | None) -> Mismatch | None:
    for column in control.keys() | candidate.keys():
        if column not in control or column not in candidate:
            return Mismatch("type", key, column, control.get(column), candidate.get(column))
        kind = _value_mismatch(control[column], candidate[column])
        if kind is not None:
            return Mismatch(kind, key, column, control[column], candidate[column])
    return None


def _value_mismatch(control: Any, candidate: Any) -> MismatchClass | None:
    if control is None or candidate is None:
        return None if control is candidate else "null"
    if type(control) is not type(candidate):
        return "type"
    if control == candidate or (_is_nan(control) and _is_nan(candidate)):
        return None
    return "precision" if _is_rounded(control, candidate) else "value"


def _is_nan(value: Any) -> bool:
    return (isinstance(value, float) and math.isnan(value)) or (isinstance(value, Decimal) and value.is_nan())


def _is_rounded(control: Any, candidate: Any) -> bool:
    if isinstance(control, float | Decimal):
        return math.isclose(control, candidate, rel_tol=_ROUNDED)
    if isinstance(control, dt.datetime):
        return (control.tzinfo is None) == (candidate.tzinfo is None) and abs(control - candidate) < _SAME_MOMENT
    return isinstance(control, dt.time) and control.replace(microsecond=0) == candidate.replace(microsecond=0)
