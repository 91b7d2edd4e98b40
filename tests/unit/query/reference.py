"""A reference answer to filters and order: plain Python over lists of rows, with SQL's three-valued logic.

``None`` stands for NULL in a row and for UNKNOWN in an answer. NaN equals itself and is greater than every number,
as in PostgreSQL. Text compares by code point, which is collation "C".
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from functools import cmp_to_key
from typing import Any, TypeAlias

from datalayer.query import Comparison, Filter, Group, Negation, Operator, OrderBy
from datalayer.query.keyset import AfterRow

Answer: TypeAlias = bool | None
Row: TypeAlias = Mapping[str, Any]


def select(rows: Iterable[Row], where: Filter | None, order: OrderBy = ()) -> list[Row]:
    """Rows for which the filter is true, in order."""
    matching = [row for row in rows if where is None or answer(where, row) is True]

    def position(left: Row, right: Row) -> int:
        return compare_rows(left, right, order)

    return sorted(matching, key=cmp_to_key(position))


def answer(where: Filter, row: Row) -> Answer:
    """Say true, false or unknown."""
    if isinstance(where, Negation):
        inner = answer(where.inner, row)
        return None if inner is None else not inner
    if isinstance(where, Group):
        return _joined(where.joint, [answer(member, row) for member in where.members])
    if isinstance(where, AfterRow):
        return answer(where.spelled_out(()), row)
    assert isinstance(where, Comparison)
    return _compared(where, row[where.column])


def compare(left: Any, right: Any) -> int:
    """-1, 0 or 1 for two values that are not NULL."""
    left_nan, right_nan = _is_nan(left), _is_nan(right)
    if left_nan or right_nan:
        return left_nan - right_nan
    return int(left > right) - int(left < right)


def compare_rows(left: Row, right: Row, order: OrderBy) -> int:
    """-1, 0 or 1 for two rows under an order."""
    for part in order:
        one, other = left[part.column], right[part.column]
        if one is None or other is None:
            outcome = (
                int(other is None) - int(one is None) if part.nulls_first else int(one is None) - int(other is None)
            )
        else:
            outcome = compare(other, one) if part.descending else compare(one, other)
        if outcome:
            return outcome
    return 0


def _joined(joint: str, answers: Sequence[Answer]) -> Answer:
    decisive = joint == "or"
    if decisive in answers:
        return decisive
    return None if None in answers else not decisive


def _compared(where: Comparison, stored: Any) -> Answer:
    if where.operator is Operator.IS_NULL:
        return stored is None
    if where.operator is Operator.IS_NOT_NULL:
        return stored is not None
    if where.operator is Operator.IN and not where.value:
        return False
    return None if stored is None else _TESTS[where.operator](stored, where.value)


def _contains(stored: Any, wanted: Any) -> bool:
    if isinstance(stored, list):
        return all(item is not None and item in stored for item in wanted)
    return _document_contains(stored, wanted)


def _document_contains(stored: Any, wanted: Any) -> bool:
    if isinstance(stored, dict) and isinstance(wanted, dict):
        return all(key in stored and _document_contains(stored[key], value) for key, value in wanted.items())
    if isinstance(stored, list) and isinstance(wanted, list):
        return all(any(_document_contains(item, value) for item in stored) for value in wanted)
    return type(stored) is type(wanted) and bool(stored == wanted)


def _like(stored: str, pattern: str, flags: re.RegexFlag = re.NOFLAG) -> bool:
    tokens = re.findall(r"\\.|.", pattern, re.DOTALL)
    wild = {"%": ".*", "_": "."}
    expression = "".join(wild.get(token, re.escape(token[-1])) for token in tokens)
    return re.fullmatch(expression, stored, re.DOTALL | flags) is not None


def _is_nan(value: Any) -> bool:
    return isinstance(value, float | Decimal) and math.isnan(value)


_TESTS: Mapping[Operator, Callable[[Any, Any], bool]] = {
    Operator.EQ: lambda stored, value: compare(stored, value) == 0,
    Operator.NEQ: lambda stored, value: compare(stored, value) != 0,
    Operator.GT: lambda stored, value: compare(stored, value) > 0,
    Operator.GTE: lambda stored, value: compare(stored, value) >= 0,
    Operator.LT: lambda stored, value: compare(stored, value) < 0,
    Operator.LTE: lambda stored, value: compare(stored, value) <= 0,
    Operator.IN: lambda stored, values: any(compare(stored, value) == 0 for value in values),
    Operator.LIKE: _like,
    Operator.ILIKE: lambda stored, pattern: _like(stored, pattern, re.IGNORECASE),
    Operator.CONTAINS: _contains,
}
