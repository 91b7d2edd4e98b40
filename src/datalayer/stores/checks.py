"""Checks that every store makes on a question before anything is sent."""

from __future__ import annotations

from operator import itemgetter
from typing import get_args

from datalayer.errors import InvalidValueError, UnsafeWriteError
from datalayer.query import Delete, Duplicates, Insert, Select, Update, Upsert
from datalayer.stores.catalog import Table
from datalayer.stores.contract import Isolation


def check_select(question: Select, table: Table, *, store: str, operation: str = "select") -> None:
    """Raise UnknownColumnError or InvalidValueError for a question that the table cannot answer."""
    if question.limit is not None and question.limit < 0:
        raise InvalidValueError("must not be negative", field="limit")
    if question.offset < 0:
        raise InvalidValueError("must not be negative", field="offset")
    named = [*(question.columns or ()), *(part.column for part in question.order)]
    if question.where is not None:
        named.extend(question.where.columns())
    table.check_columns(named, store=store, operation=operation)


def check_rows(question: Insert | Upsert, table: Table, *, store: str, operation: str) -> None:
    """Raise for an empty batch, an unknown column, or an upsert row that lacks a column of the conflict target."""
    if not question.rows:
        raise InvalidValueError("the batch is empty", field="rows")
    table.check_columns(set().union(*set(map(tuple, question.rows))), store=store, operation=operation)
    if isinstance(question, Upsert):
        check_policy(question.duplicates)
        table.check_columns(question.target, store=store, operation=operation)
        for name in question.target:
            try:
                missing = None in map(itemgetter(name), question.rows)
            except KeyError:
                missing = True
            if missing:
                index = next(index for index, row in enumerate(question.rows) if row.get(name) is None)
                raise InvalidValueError(f"row {index} lacks a value for this conflict target column", field=name)


def check_policy(duplicates: Duplicates) -> None:
    """Raise InvalidValueError for a word that is no policy."""
    if duplicates not in get_args(Duplicates):
        raise InvalidValueError(f"is one of {', '.join(get_args(Duplicates))}", field="duplicates")


def check_change(question: Update | Delete, table: Table, *, store: str, operation: str) -> None:
    """Raise UnsafeWriteError without a filter, UnknownColumnError for a column that is not there."""
    if question.where is None and not question.every_row:
        raise UnsafeWriteError(question.table, operation)
    if question.where is not None:
        table.check_columns(question.where.columns(), store=store, operation=operation)
    if isinstance(question, Update):
        if not question.changes:
            raise InvalidValueError("an update changes at least one column", field="changes")
        table.check_columns(question.changes, store=store, operation=operation)


def check_timeout(timeout: float | None) -> None:
    """Raise InvalidValueError for a deadline that no call can keep."""
    if timeout is None:
        return
    if not isinstance(timeout, int | float) or isinstance(timeout, bool) or not timeout > 0:
        raise InvalidValueError("must be a positive number of seconds", field="timeout")


def check_isolation(isolation: Isolation | None) -> None:
    """Raise InvalidValueError for a word that is no isolation level."""
    if isolation is not None and isolation not in get_args(Isolation):
        raise InvalidValueError(f"is one of {', '.join(get_args(Isolation))}", field="isolation")
