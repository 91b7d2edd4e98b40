"""Writes of rows compiled to SQL: one row, rows in one JSON parameter, rows in a temporary table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

from datalayer.stores.catalog import Table
from datalayer.stores.postgres.building import Builder
from datalayer.stores.postgres.compile import returning
from datalayer.stores.postgres.names import assigned, escaped, names, quote
from datalayer.stores.postgres.statement import Statement
from datalayer.stores.postgres.values import fits_json_records, record_type, record_value, write_encoder

#: What a write answers: the rows as stored, how many there were and how many of them were new, or nothing.
Answer: TypeAlias = Literal["rows", "counts", "nothing"]


def write_one(table: Table, columns: Sequence[str], target: tuple[str, ...] | None, *, answer: Answer) -> Statement:
    """Compile the insert, or with a conflict target the upsert, of one row."""
    build = Builder(table)
    placed = [table.by_name[name] for name in columns]
    for column in placed:
        build.take(write_encoder(column.type))
    values = f"VALUES ({', '.join(assigned(column) for column in placed)})" if placed else "DEFAULT VALUES"
    return build.statement(_write(table, columns, values, target, answer=answer))


def fits_one_parameter(table: Table, columns: Sequence[str]) -> bool:
    """Whether :func:`write_many` can carry these columns."""
    return bool(columns) and fits_json_records(table.by_name[name] for name in columns)


def write_many(table: Table, columns: Sequence[str], target: tuple[str, ...] | None, *, answer: Answer) -> Statement:
    """Compile the same for any number of rows, which travel as one JSON parameter."""
    placed = [table.by_name[name] for name in columns]
    fields = ", ".join(f"{quote(c.name)} {escaped(record_type(c))}" for c in placed)
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
    fields = ", ".join(f"{quote(column)} {escaped(table.by_name[column].type.declared)}" for column in columns)
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
