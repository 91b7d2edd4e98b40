"""Whether a source value fits its target column exactly, and the same value as the target's kind.

Nothing is rounded, cut, padded or guessed: a value that a target would store as something else is a misfit. SQLite
keeps any value in any column, so a value is held to its own column's declaration too.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from datalayer.query import JsonNull
from datalayer.stores.catalog import Column, ColumnType, Kind
from datalayer.transfer.conversions import INTEGERS, Conversion, conversion, each
from datalayer.transfer.limits import MisfitError, limit
from datalayer.transfer.odd_moments import OddMoment

_DOCUMENT = (dict, list, str, int, float, bool, Decimal, JsonNull)
_STORED_AS: Mapping[Kind, tuple[type, ...]] = {
    Kind.BOOLEAN: (bool,),
    **dict.fromkeys(INTEGERS, (int,)),
    Kind.NUMERIC: (Decimal,),
    Kind.REAL: (float,),
    Kind.DOUBLE: (float,),
    Kind.TEXT: (str,),
    Kind.UUID: (uuid.UUID,),
    Kind.DATE: (dt.date, OddMoment),
    Kind.TIME: (dt.time, OddMoment),
    Kind.TIMESTAMP: (dt.datetime, OddMoment),
    Kind.TIMESTAMPTZ: (dt.datetime, OddMoment),
    Kind.JSON: _DOCUMENT,
    Kind.JSONB: _DOCUMENT,
    Kind.BYTEA: (bytes,),
}


def fit(source: Column, target: Column) -> Conversion:
    """Return what checks a value of the source column and turns it into one for the target column.

    Args:
        source: as the source's catalog has it.
        target: as the target's catalog has it.

    Returns:
        A function that raises MisfitError.
    """
    element = _element_fit(source.type, target.type)
    whole = _array_fit(element) if target.type.array else element

    def fitted(value: Any) -> Any:
        if value is not None:
            return whole(value)
        if not target.nullable:
            raise MisfitError("is NULL, and the target column is NOT NULL")
        return None

    return fitted


def _element_fit(source: ColumnType, target: ColumnType) -> Conversion:
    stored = _STORED_AS[source.kind]
    convert = conversion(source.kind, target.kind)
    check = limit(target)

    def fitted(value: Any) -> Any:
        if not isinstance(value, stored) or (type(value) is bool and bool not in stored):
            raise MisfitError(f"is not of the type {source.declared} that its source column declares")
        if convert is not None:
            value = convert(value)
        if check is not None:
            check(value)
        return value

    return fitted


def _array_fit(element: Conversion) -> Conversion:
    elements = each(element)

    def fitted(value: Any) -> Any:
        if not isinstance(value, list):
            raise MisfitError("is not an array although its source column declares one")
        return elements(value)

    return fitted
