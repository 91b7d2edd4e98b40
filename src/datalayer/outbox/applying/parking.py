"""Rows that trade a unique value step aside first: the servers check a unique key row by row, whatever the order."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import uuid4

from datalayer.outbox.entries import Change
from datalayer.outbox.keys import key_of, keys_filter
from datalayer.query import Row, Select, Update, where_equal
from datalayer.stores.catalog import Catalog, Column, Kind, Table, UniqueKey
from datalayer.stores.contract import Session

_LENGTH: Final = re.compile(r"\((\d+)\)")
_PRECISION: Final = re.compile(r"\((\d+), ?(\d+)\)")
_BITS: Final = {Kind.SMALLINT: 15, Kind.INTEGER: 31, Kind.BIGINT: 63}


async def park(
    transaction: Session,
    catalog: Catalog,
    changes: Mapping[str, Sequence[Change]],
    *,
    left: Callable[[], float | None] = lambda: None,
) -> None:
    """Give rows that are about to lose a unique value another one for the time being, NULL where that is allowed.

    Args:
        left: asked before each update how many seconds it may take.
    """
    for name, group in changes.items():
        table = catalog.tables[name]
        wanted = {change.key: change.row for change in group if change.row is not None}
        if not table.uniques or not wanted:
            continue
        for stored in await transaction.select(Select(name, keys_filter(table, wanted))):
            parked = _parked(table, stored, wanted[key_of(table, stored)])
            if parked:
                key = {column: stored[column] for column in table.primary_key}
                await transaction.update(Update(name, parked, where_equal(**key)), timeout=left())


def _parked(table: Table, stored: Row, wanted: Row) -> Row:
    parked: Row = {}
    for unique in table.uniques:
        if all(stored[name] == wanted.get(name, stored[name]) for name in unique.columns):
            continue
        column = _movable(table, unique)
        if column is not None and stored[column.name] is not None:
            parked[column.name] = None if column.nullable else _passing_value(column)
    return parked


def _movable(table: Table, unique: UniqueKey) -> Column | None:
    """Choose the column of a unique key that can take another value for a moment."""
    columns = [table.by_name[name] for name in unique.columns if name not in table.primary_key]
    referring = {name for key in table.foreign_keys for name in key.columns}
    free = [
        c for c in columns if not c.generated and (c.nullable or (c.name not in referring and c.type.kind in _PASSING))
    ]
    return min(free, key=lambda column: not column.nullable) if free else None


def _passing_value(column: Column) -> Any:
    return _PASSING[column.type.kind](column)


def _text(column: Column) -> str:
    limit = _LENGTH.search(column.type.declared)
    return secrets.token_hex(16)[: int(limit[1]) if limit else None]


def _number(column: Column) -> int:
    return -1 - secrets.randbelow(2 ** _BITS[column.type.kind])


def _exact(column: Column) -> Decimal:
    limits = _PRECISION.search(column.type.declared)
    digits, scale = (int(limits[1]), int(limits[2])) if limits else (15, 0)
    return -Decimal(1 + secrets.randbelow(10**digits - 1)).scaleb(-scale)


def _moment(column: Column) -> datetime:
    moment = datetime(1, 1, 2) + timedelta(microseconds=secrets.randbelow(10**15))
    return moment.replace(tzinfo=UTC) if column.type.kind is Kind.TIMESTAMPTZ else moment


_PASSING: Final[Mapping[Kind, Callable[[Column], Any]]] = {
    Kind.TEXT: _text,
    Kind.SMALLINT: _number,
    Kind.INTEGER: _number,
    Kind.BIGINT: _number,
    Kind.NUMERIC: _exact,
    Kind.UUID: lambda _: uuid4(),
    Kind.DATE: lambda _: date.fromordinal(1 + secrets.randbelow(300_000)),
    Kind.TIMESTAMP: _moment,
    Kind.TIMESTAMPTZ: _moment,
    Kind.BYTEA: lambda _: secrets.token_bytes(16),
}
