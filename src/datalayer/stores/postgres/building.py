"""Puts a statement together: its filter as SQL, and what becomes of each value."""

from __future__ import annotations

from datalayer.errors import InvalidValueError
from datalayer.query import Comparison, Filter, Group, Negation, Operator
from datalayer.query.keyset import AfterRow
from datalayer.stores.catalog import Table
from datalayer.stores.postgres.names import assigned, comparable, escaped, quote
from datalayer.stores.postgres.statement import Statement
from datalayer.stores.postgres.values import Encoder, cast_name, encoder, list_encoder

_SIGNS = {
    Operator.EQ: "=",
    Operator.NEQ: "<>",
    Operator.GT: ">",
    Operator.GTE: ">=",
    Operator.LT: "<",
    Operator.LTE: "<=",
    Operator.LIKE: "LIKE",
    Operator.ILIKE: "ILIKE",
}


class Builder:
    """Collects one statement's parameters while its text is put together."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self._encoders: list[Encoder | None] = []
        self._places: list[int] = []
        self._values = 0
        #: Where the values of the row are that a page continues after, while that filter is compiled.
        self._row: dict[str, int] = {}

    def take(self, encode: Encoder | None, column: str = "") -> None:
        """Add a parameter: the next value, or the row's for a column that was given before."""
        place = self._row.get(column)
        if place is None:
            place, self._values = self._values, self._values + 1
        self._encoders.append(encode)
        self._places.append(place)

    def statement(self, sql: str) -> Statement:
        """Return the finished statement of this text."""
        encoders, places = tuple(self._encoders), tuple(self._places)
        in_turn = places == tuple(range(len(places)))
        return Statement(sql.encode(), encoders if any(encoders) else None, None if in_turn else places)

    def where(self, condition: Filter | None) -> str:
        """Return the WHERE clause, nothing without a filter."""
        try:
            return "" if condition is None else f" WHERE {self._condition(condition)}"
        except RecursionError:
            raise InvalidValueError("the filter is nested too deeply") from None

    def _condition(self, condition: Filter) -> str:
        if isinstance(condition, Comparison):
            return self._comparison(condition)
        if isinstance(condition, Negation):
            return f"NOT ({self._condition(condition.inner)})"
        if isinstance(condition, Group):
            if not condition.members:
                return "TRUE" if condition.joint == "and" else "FALSE"
            return f" {condition.joint.upper()} ".join(f"({self._condition(m)})" for m in condition.members)
        if isinstance(condition, AfterRow):
            return self._after(condition)
        raise TypeError(f"not a filter: {type(condition).__name__}")

    def _comparison(self, comparison: Comparison) -> str:
        column = self.table.by_name[comparison.column]
        name = quote(column.name)
        if comparison.operator is Operator.IS_NULL:
            return f"{name} IS NULL"
        if comparison.operator is Operator.IS_NOT_NULL:
            return f"{name} IS NOT NULL"
        if comparison.operator is Operator.IN:
            self.take(list_encoder(column.type))
            return f"{name} = ANY(%s::{escaped(cast_name(column.type.declared))}[])"
        self.take(encoder(column.type), column.name)
        if comparison.operator is Operator.CONTAINS:
            return f"{comparable(column)} @> {assigned(column)}"
        return f"{comparable(column)} {_SIGNS[comparison.operator]} {assigned(column)}"

    def _after(self, after: AfterRow) -> str:
        required = self.table.never_null
        columns = [self.table.by_name[name] for name in after.columns()]
        if after.compares_rows(required):
            for column in columns:
                self.take(encoder(column.type))
            sign = "<" if after.order[0].descending else ">"
            left, right = ", ".join(map(comparable, columns)), ", ".join(map(assigned, columns))
            return f"({left}) {sign} ({right})"
        given = [column.name for column, value in zip(columns, after.row, strict=True) if value is not None]
        self._row = {name: self._values + index for index, name in enumerate(given)}
        self._values += len(given)
        spelled = self._condition(after.spelled_out(required))
        self._row = {}
        return spelled
