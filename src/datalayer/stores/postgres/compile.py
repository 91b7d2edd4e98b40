"""Questions compiled to SQL, once per shape. A statement is text with placeholders and what encodes each value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import psycopg

from datalayer.errors import InvalidValueError
from datalayer.query import Comparison, Count, Delete, Filter, Group, Negation, Operator, Select, Update
from datalayer.query.keyset import AfterRow
from datalayer.query.order import OrderBy
from datalayer.stores.catalog import Column, ColumnType, Table
from datalayer.stores.postgres.values import (
    Encoder,
    cast_name,
    encoder,
    fits_json_records,
    list_encoder,
    record_type,
    record_value,
    write_encoder,
)

#: What a write answers: the rows as stored, how many there were and how many of them were new, or nothing.
Answer: TypeAlias = Literal["rows", "counts", "nothing"]

#: Source: PostgreSQL 18 manual, "Message Formats", Bind: the number of parameters is a 16-bit integer.
MOST_PARAMETERS = 65_535

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


@dataclass(frozen=True, slots=True)
class Statement:
    """Compiled SQL.

    Args:
        encoders: by parameter; None when every value goes to psycopg as it is.
        places: which value each parameter is; None when they come one by one.
    """

    sql: bytes
    encoders: tuple[Encoder | None, ...] | None = None
    places: tuple[int, ...] | None = None

    def bind(self, values: Iterable[Any]) -> list[Any]:
        """Return the parameters for one execution."""
        parameters = list(values)
        if self.places is not None:
            parameters = [parameters[place] for place in self.places]
        if len(parameters) > MOST_PARAMETERS:
            raise InvalidValueError(f"a statement takes {MOST_PARAMETERS:,} values at most; ask in parts")
        if self.encoders is None:
            return parameters
        paired = zip(parameters, self.encoders, strict=True)
        return [value if encode is None else encode(value) for value, encode in paired]


class _Builder:
    """Collects one statement's parameters while its text is put together."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self._encoders: list[Encoder | None] = []
        self._places: list[int] = []
        self._values = 0
        #: Where the values of the row are that a page continues after, while that filter is compiled.
        self._row: dict[str, int] = {}

    def take(self, encoder: Encoder | None, column: str = "") -> None:
        """Add a parameter: the next value, or the row's for a column that was given before."""
        place = self._row.get(column)
        if place is None:
            place, self._values = self._values, self._values + 1
        self._encoders.append(encoder)
        self._places.append(place)

    def statement(self, sql: str) -> Statement:
        encoders, places = tuple(self._encoders), tuple(self._places)
        in_turn = places == tuple(range(len(places)))
        return Statement(sql.encode(), encoders if any(encoders) else None, None if in_turn else places)

    def where(self, condition: Filter | None) -> str:
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
            return f"{name} = ANY(%s::{_escaped(cast_name(column.type.declared))}[])"
        self.take(encoder(column.type), column.name)
        if comparison.operator is Operator.CONTAINS:
            return f"{_comparable(column)} @> {_assigned(column)}"
        return f"{_comparable(column)} {_SIGNS[comparison.operator]} {_assigned(column)}"

    def _after(self, after: AfterRow) -> str:
        required = self.table.never_null
        columns = [self.table.by_name[name] for name in after.columns()]
        if after.compares_rows(required):
            for column in columns:
                self.take(encoder(column.type))
            sign = "<" if after.order[0].descending else ">"
            left, right = ", ".join(map(_comparable, columns)), ", ".join(map(_assigned, columns))
            return f"({left}) {sign} ({right})"
        given = [column.name for column, value in zip(columns, after.row, strict=True) if value is not None]
        self._row = {name: self._values + index for index, name in enumerate(given)}
        self._values += len(given)
        spelled = self._condition(after.spelled_out(required))
        self._row = {}
        return spelled


def select(question: Select, table: Table) -> Statement:
    """Compile a select; its values are the filter's, then limit, then offset."""
    build = _Builder(table)
    columns = question.columns or tuple(table.by_name)
    listed = ", ".join(_read(table.by_name[name]) for name in columns)
    sql = f"SELECT {listed} FROM {quote(table.name)}{build.where(question.where)}{order(question.order)}"
    if question.limit is not None:
        sql += " LIMIT %s"
        build.take(None)
    if question.offset:
        sql += " OFFSET %s"
        build.take(None)
    return build.statement(sql)


def count(question: Count, table: Table) -> Statement:
    """Compile a count."""
    build = _Builder(table)
    return build.statement(f"SELECT count(*) AS count FROM {quote(table.name)}{build.where(question.where)}")


def update(question: Update, table: Table) -> Statement:
    """Compile an update; its values are the changes', then the filter's."""
    build = _Builder(table)
    assignments = []
    for name in question.changes:
        column = table.by_name[name]
        build.take(write_encoder(column.type))
        assignments.append(f"{quote(name)} = {_assigned(column)}")
    sql = f"UPDATE {quote(table.name)} SET {', '.join(assignments)}{build.where(question.where)}"
    return build.statement(sql + returning(table, wanted=question.returning))


def delete(question: Delete, table: Table) -> Statement:
    """Compile a delete."""
    build = _Builder(table)
    sql = f"DELETE FROM {quote(table.name)}{build.where(question.where)}"
    return build.statement(sql + returning(table, wanted=question.returning))


def write_one(table: Table, columns: Sequence[str], target: tuple[str, ...] | None, *, answer: Answer) -> Statement:
    """Compile the insert, or with a conflict target the upsert, of one row."""
    build = _Builder(table)
    placed = [table.by_name[name] for name in columns]
    for column in placed:
        build.take(write_encoder(column.type))
    values = f"VALUES ({', '.join(_assigned(column) for column in placed)})" if placed else "DEFAULT VALUES"
    return build.statement(_write(table, columns, values, target, answer=answer))


def fits_one_parameter(table: Table, columns: Sequence[str]) -> bool:
    """Whether :func:`write_many` can carry these columns."""
    return bool(columns) and fits_json_records(table.by_name[name] for name in columns)


def write_many(table: Table, columns: Sequence[str], target: tuple[str, ...] | None, *, answer: Answer) -> Statement:
    """Compile the same for any number of rows, which travel as one JSON parameter."""
    placed = [table.by_name[name] for name in columns]
    fields = ", ".join(f"{quote(c.name)} {_escaped(record_type(c))}" for c in placed)
    sent = {c.name: record_value(c, f"r.{quote(c.name)}") for c in placed}
    if _kept(table, columns, target):
        place = _unused_name(table)
        numbered = f"r({names((*sent, place))})"
        records = f"ROWS FROM (jsonb_to_recordset(%s::jsonb) AS ({fields})) WITH ORDINALITY AS {numbered}"
    else:
        place, records = "", f"jsonb_to_recordset(%s::jsonb) AS r({fields})"
    return Statement(_write_from(table, sent, records, place, target, answer=answer).encode())


def create_incoming(table: Table, columns: Sequence[str], name: str) -> bytes:
    """Compile a temporary table for values of these columns."""
    fields = ", ".join(f"{quote(column)} {_escaped(table.by_name[column].type.declared)}" for column in columns)
    return _literal(f"CREATE TEMPORARY TABLE {quote(name)} ({fields}) ON COMMIT DROP")


def copy_incoming(columns: Sequence[str], name: str) -> bytes:
    """Compile the COPY of rows into it."""
    return _literal(f"COPY pg_temp.{quote(name)} ({names(columns)}) FROM STDIN (ENCODING 'UTF8')")


def merge_incoming(
    table: Table, columns: Sequence[str], target: tuple[str, ...] | None, name: str, *, answer: Answer
) -> bytes:
    """Compile the insert or upsert of its rows, in the order in which they were put in."""
    sent = {column: f"r.{quote(column)}" for column in columns}
    source = f"pg_temp.{quote(name)} AS r"
    return _literal(_write_from(table, sent, source, "ctid", target, answer=answer))


def truncate_incoming(name: str) -> bytes:
    """Compile what empties it."""
    return _literal(f"TRUNCATE pg_temp.{quote(name)}")


def drop_incoming(name: str) -> bytes:
    """Compile what removes it."""
    return _literal(f"DROP TABLE pg_temp.{quote(name)}")


def _literal(sql: str) -> bytes:
    """Return SQL that is sent without parameters, and so without placeholders."""
    return sql.replace("%%", "%").encode()


def _kept(table: Table, columns: Sequence[str], target: tuple[str, ...] | None) -> tuple[str, ...]:
    """Return the required columns that an upsert's rows leave out."""
    return table.required_beyond(columns) if target is not None else ()


def _write_from(
    table: Table,
    sent: Mapping[str, str],
    records: str,
    place: str,
    target: tuple[str, ...] | None,
    *,
    answer: Answer,
) -> str:
    """Compile a write of records ``r``.

    An upsert takes the required columns that its rows leave out from the stored row: the server checks NOT NULL
    before it looks for a conflict. That join may shuffle the rows, hence its order by place.

    Args:
        sent: by column, the value of a record.
        place: the record's column that says where it stands.
    """
    columns = tuple(sent)
    kept = _kept(table, columns, target)
    values = ", ".join((*sent.values(), *(f"old.{quote(name)}" for name in kept)))
    source = f"SELECT {values} FROM {records}"
    if target is not None and kept:
        same = " AND ".join(f"old.{quote(name)} = {sent[name]}" for name in target)
        source += f" LEFT JOIN {quote(table.name)} AS old ON {same} ORDER BY r.{quote(place)}"
    written = _write(table, columns, source, target, answer=answer, kept=kept)
    if answer != "counts":
        return written
    return f"WITH written AS ({written}) SELECT count(*), coalesce(sum(inserted), 0) AS inserted FROM written"


def _unused_name(table: Table) -> str:
    name = "place"
    while name in table.by_name:
        name += "_"
    return name


def _write(
    table: Table,
    columns: Sequence[str],
    source: str,
    target: tuple[str, ...] | None,
    *,
    answer: Answer,
    kept: tuple[str, ...] = (),
) -> str:
    into = f" ({names((*columns, *kept))})" if columns else ""
    sql = f"INSERT INTO {quote(table.name)}{into} {source}"
    if target is not None:
        changed = [name for name in columns if name not in target] or list(target[:1])
        sets = ", ".join(f"{quote(name)} = EXCLUDED.{quote(name)}" for name in changed)
        sql += f" ON CONFLICT ({names(target)}) DO UPDATE SET {sets}"
    if answer == "counts":
        # A row that was there has been locked before it was updated, which leaves its mark.
        return f"{sql} RETURNING 1 AS count, (xmax = 0)::int AS inserted"
    return sql + returning(table, wanted=answer == "rows")


def order(parts: OrderBy) -> str:
    """Return the ORDER BY clause; NULL placement is written only where it differs from the server's own."""
    if not parts:
        return ""
    words = []
    for part in parts:
        word = quote(part.column) + (" DESC" if part.descending else "")
        if part.nulls_first != part.descending:
            word += " NULLS FIRST" if part.nulls_first else " NULLS LAST"
        words.append(word)
    return f" ORDER BY {', '.join(words)}"


def returning(table: Table, *, wanted: bool) -> str:
    """Return the RETURNING clause for all columns, or nothing."""
    return f" RETURNING {', '.join(map(_read, table.columns))}" if wanted else ""


def _read(column: Column) -> str:
    name = quote(column.name)
    return f"{name}::text[] AS {name}" if is_foreign_array(column.type) else name


def is_foreign_array(column_type: ColumnType) -> bool:
    """Whether it is an array of a type that psycopg has not met: it would come as one text unless it is cast."""
    return column_type.array and psycopg.adapters.types.get(cast_name(column_type.declared)) is None


def names(columns: Iterable[str]) -> str:
    """Return quoted names, joined by commas."""
    return ", ".join(map(quote, columns))


def quote(name: str) -> str:
    """Quote an identifier; ``%`` is doubled because the text has placeholders."""
    return '"' + _escaped(name).replace('"', '""') + '"'


def _escaped(text: str) -> str:
    return text.replace("%", "%%")


def _comparable(column: Column) -> str:
    """Return the column as it can be compared: type json has no operators, jsonb has."""
    return (
        f"{quote(column.name)}::jsonb" if column.type.is_json and column.type.declared == "json" else quote(column.name)
    )


def _assigned(column: Column) -> str:
    return f"%s::{_escaped(cast_name(column.type.declared))}" if column.type.array else "%s"
