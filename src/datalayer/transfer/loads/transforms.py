"""A user's own function over the rows of a load: to change or re-encrypt columns, to map whole tables, to drop rows.

    def transform(table: str, row: dict[str, Any]) -> tuple[str, dict[str, Any]] | None: ...

It gets the exact Python values of the export and returns the table and row to write, or None for no row.
"""

from __future__ import annotations

import datetime as dt
import importlib
import sys
import uuid
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeAlias

from datalayer.errors import ConfigurationError, TransferError
from datalayer.query import JsonNull, Row
from datalayer.stores.catalog import JSON_KINDS, Column, ColumnType, Kind, Table
from datalayer.transfer.conversions import Conversion, comparable
from datalayer.transfer.fitting import fit
from datalayer.transfer.limits import MisfitError
from datalayer.transfer.odd_moments import ODD_KINDS, OddMoment
from datalayer.wording import with_article

Transform: TypeAlias = Callable[[str, Row], tuple[str, Row] | None]

_KINDS: Mapping[type, Kind] = {
    bool: Kind.BOOLEAN,
    int: Kind.BIGINT,
    Decimal: Kind.NUMERIC,
    float: Kind.DOUBLE,
    str: Kind.TEXT,
    uuid.UUID: Kind.UUID,
    dt.date: Kind.DATE,
    dt.time: Kind.TIME,
    bytes: Kind.BYTEA,
    dict: Kind.JSONB,
    JsonNull: Kind.JSONB,
}


def find_transform(name: str) -> Transform:
    """Import ``module:function``; modules of the working directory are found too.

    Raises:
        ConfigurationError: there is no such function.
    """
    module, _, function = name.partition(":")
    if not module or not function:
        raise ConfigurationError(f"--transform is MODULE:FUNCTION, for example transforms:users; it is {name}")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        found = getattr(importlib.import_module(module), function, None)
    except Exception as error:
        told = f"{type(error).__name__}: {error}"
        raise ConfigurationError(f"the module of --transform cannot be imported: {told}") from error
    if not callable(found):
        raise ConfigurationError(f"the module {module} has no function {function}, which --transform names")
    transform: Transform = found
    return transform


def transformed(transform: Transform, table: str, row: Row, number: int) -> tuple[str, Row] | None:
    """Apply a transform to a row; what it raises or returns wrongly is told with the row's number, without values."""
    try:
        answer = transform(table, row)
    except Exception as error:
        raise TransferError(
            f"the transform raised {type(error).__name__} for row {number} of {table} (--debug shows where)",
            table=table,
        ) from error
    if answer is None:
        return None
    if isinstance(answer, tuple) and len(answer) == 2 and isinstance(answer[0], str) and isinstance(answer[1], dict):
        return answer
    raise TransferError(
        f"the transform returned {with_article(type(answer).__name__)} for row {number} of {table}; it must return"
        " (table, row) or None",
        table=table,
    )


class ValueFits:
    """Brings values of a table's columns to their kinds by what they are: a transform declares no types."""

    def __init__(self, table: Table) -> None:
        self._columns = table.by_name
        #: By column and type of value; grows by the types a transform returns.
        self._fits: dict[tuple[str, type, bool], Conversion] = {}

    def apply(self, column: str, value: Any) -> Any:
        """Return the value as one of the column; raises MisfitError."""
        aware = isinstance(value, dt.datetime) and value.tzinfo is not None
        place = (column, type(value), aware)
        fitted = self._fits.get(place)
        if fitted is None:
            fitted = self._fits[place] = _fit(self._columns[column], value)
        return fitted(value)


def _fit(target: Column, value: Any) -> Conversion:
    source = ColumnType(_kind(target, value), type(value).__name__, array=target.type.array)
    if value is not None and not comparable(source, target.type):
        raise MisfitError(f"is {with_article(type(value).__name__)}, and the target column is {target.type.declared}")
    return fit(Column(target.name, source), target)


def _kind(target: Column, value: Any) -> Kind:
    """Return a value's kind; elements of arrays, and any document, are held to what the column declares."""
    if value is None or target.type.array or target.type.kind in JSON_KINDS:
        return target.type.kind
    if isinstance(value, dt.datetime):
        return Kind.TIMESTAMP if value.tzinfo is None else Kind.TIMESTAMPTZ
    if isinstance(value, OddMoment):
        return target.type.kind if target.type.kind in ODD_KINDS else Kind.TEXT
    kind = _KINDS.get(type(value))
    if kind is None:
        raise MisfitError(f"is {with_article(type(value).__name__)}, which no column keeps")
    return kind
