"""A compiled statement: SQL, what encodes its parameters, what reads its rows."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from datalayer.errors import InvalidValueError, UnfitValueError
from datalayer.query import Row
from datalayer.stores.sqlite.codecs import Codec
from datalayer.stores.sqlite.encode import Encoder, Stored
from datalayer.stores.sqlite.name import STORE
from datalayer.stores.sqlite.unfit import Unfit


class Reader:
    """Makes rows of what SQLite returns."""

    def __init__(self, table: str, codecs: Sequence[Codec]) -> None:
        self._table = table
        self._names = tuple(codec.column.name for codec in codecs)
        self._decoders = tuple((index, codec.plain, codec.read) for index, codec in enumerate(codecs))

    def row(self, stored: Sequence[Any]) -> Row:
        """Decode one row.

        Raises:
            UnfitValueError: a stored value is not of its column's type.
        """
        values = list(stored)
        index = 0
        try:
            for index, plain, read in self._decoders:
                value = values[index]
                if value is not None and type(value) is not plain:
                    values[index] = read(value)
        except (ValueError, TypeError, OverflowError):
            raise self._unreadable(self._names[index]) from None
        return dict(zip(self._names, values, strict=True))

    def _unreadable(self, column: str) -> UnfitValueError:
        return UnfitValueError(
            f"a value stored in {self._table}.{column} is not of the column's declared type",
            store=STORE,
            operation="read",
            table=self._table,
            sqlstate="22P02",
            columns=(column,),
            hint="correct the stored value, or declare the column by what it holds",
        )


@dataclass(frozen=True, slots=True)
class Parameter:
    """One value to bind: for which column, and how it is encoded."""

    column: str
    encode: Encoder


@dataclass(frozen=True, slots=True)
class Statement:
    """Compiled SQL.

    Args:
        reader: of the rows it returns; None where it returns none, or locators instead of rows.
    """

    operation: str
    table: str
    sql: str
    parameters: tuple[Parameter, ...]
    reader: Reader | None = None

    def bind(self, values: Iterable[Any]) -> list[Stored]:
        """Encode values, in the order of the parameters; what exceeds them is bound as it is.

        Raises:
            UnfitValueError: a value does not fit its column.
            InvalidValueError: a value cannot be written as JSON.
        """
        given = list(values)
        bound: list[Stored] = []
        for parameter, value in zip(self.parameters, given, strict=False):
            try:
                bound.append(None if value is None else parameter.encode(value))
            except Unfit as problem:
                raise self._misfit(problem, parameter.column) from None
            except InvalidValueError as problem:
                raise InvalidValueError(problem.rule, field=parameter.column) from None
        return bound + given[len(bound) :]

    def execute(self, connection: sqlite3.Connection, values: Sequence[Any]) -> tuple[list[Any], int]:
        """Execute with bound values; return what comes back undecoded, and how many rows a write touched.

        The cursor is closed whatever happens: one kept alive by an error's traceback would hold its snapshot.
        """
        with closing(connection.execute(self.sql, values)) as cursor:
            return cursor.fetchall(), cursor.rowcount

    def rows(self, stored: Iterable[Sequence[Any]]) -> list[Row]:
        """Decode what the statement returned."""
        return [] if self.reader is None else list(map(self.reader.row, stored))

    def _misfit(self, problem: Unfit, column: str) -> UnfitValueError:
        return UnfitValueError(
            f"{column}: {problem.reason}",
            store=STORE,
            operation=self.operation,
            table=self.table,
            sqlstate=problem.sqlstate,
            columns=(column,),
            hint=problem.hint,
        )
