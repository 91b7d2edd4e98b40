"""Inserts and upserts of any number of rows, on a connection's thread."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from typing import Any

from datalayer.errors import MissingConflictTargetError
from datalayer.query import Insert, Row, Upsert, Written
from datalayer.stores.checks import check_rows
from datalayer.stores.duplicates import distinct
from datalayer.stores.sqlite import compile as compiler
from datalayer.stores.sqlite import foreign_keys
from datalayer.stores.sqlite.asking import Asker
from datalayer.stores.sqlite.atomic import atomic
from datalayer.stores.sqlite.catalog import Facts, Schema
from datalayer.stores.sqlite.name import STORE
from datalayer.stores.sqlite.rows import stored_rows, withheld
from datalayer.stores.sqlite.statements import Statement


@dataclass(slots=True)
class _Piece:
    """Rows of one shape that follow each other.

    Args:
        bound: the rows' values for the statement.
        update: tried before it, where there is one, with ``update_bound``.
    """

    statement: Statement
    rows: list[Mapping[str, Any]]
    bound: list[list[Any]]
    update: Statement | None = None
    update_bound: list[list[Any]] = field(default_factory=list)


def insert(asker: Asker, connection: sqlite3.Connection, question: Insert) -> Written:
    """Insert all rows or none."""
    facts = asker.checked(connection, lambda schema: _checked_facts(question, schema, "insert"))
    rows, _ = _write(connection, facts, question.rows, None, "insert", returning=question.returning)
    return Written(len(question.rows), rows, None if question.returning else len(question.rows))


def upsert(asker: Asker, connection: sqlite3.Connection, question: Upsert) -> Written:
    """Insert or update all rows or none; of several rows with one key the question says which counts."""
    facts = asker.checked(connection, lambda schema: _checked_facts(question, schema, "upsert"))
    facts = asker.comparing(connection, facts, question)
    batch = distinct(question)
    rows, found = _write(connection, facts, batch.rows, question.target, "upsert", returning=question.returning)
    if not question.returning:
        return Written(len(batch.rows), [], len(batch.rows) - found)
    if batch.places is None:
        return Written(len(batch.rows), rows)
    return Written(len(batch.rows), list(map(dict, batch.as_given(rows))))


def _checked_facts(question: Insert | Upsert, schema: Schema, operation: str) -> Facts:
    table = schema.catalog.table(question.table, store=STORE, operation=operation)
    check_rows(question, table, store=STORE, operation=operation)
    if isinstance(question, Upsert) and not table.has_key(question.target):
        columns = ", ".join(question.target)
        raise MissingConflictTargetError(
            f"no unique index matches the conflict target ({columns})",
            store=STORE,
            operation=operation,
            table=table.name,
            sqlstate="42P10",
            columns=question.target,
            hint=f"create unique index on {table.name} ({columns})",
        )
    return schema.facts[table.name]


def _write(
    connection: sqlite3.Connection,
    facts: Facts,
    rows: Sequence[Mapping[str, Any]],
    target: tuple[str, ...] | None,
    operation: str,
    *,
    returning: bool,
) -> tuple[list[Row], int]:
    """Write rows one by one in the order given; everything is bound before the first is written.

    Returns the rows where they are wanted, else how many of an upsert's keys were there before.
    """
    pieces = []
    for columns, group in groupby(rows, key=tuple):
        compile_it = partial(compiler.write, facts, columns, target, operation, returning=returning)
        statement = facts.compiled((operation, columns, target, returning), compile_it)
        alike = list(group)
        facts.check_identity(alike, operation)
        piece = _Piece(statement, alike, [statement.bind(row.values()) for row in alike])
        if target is not None and (facts.table.required_beyond(columns) or not facts.by_value.isdisjoint(target)):
            _update_first(piece, facts, columns, target, returning=returning)
        pieces.append(piece)
    stored: list[Row] = []
    found = 0
    counted = target is not None and not returning
    several = len(rows) > 1 or counted or pieces[0].update is not None or (returning and facts.has_triggers)
    with atomic(connection, needed=several):
        for piece in pieces:
            if target is not None and counted:
                found += _count_keys(connection, facts, piece.rows, target)
            try:
                stored += _write_piece(connection, piece, facts, returning=returning)
            except sqlite3.IntegrityError as error:
                if foreign_keys.is_foreign_key(error):
                    violation = foreign_keys.missing_parent(connection, facts, piece.rows, operation)
                    if violation is not None:
                        raise violation from None
                raise
    return stored, found


def _count_keys(
    connection: sqlite3.Connection, facts: Facts, rows: Sequence[Mapping[str, Any]], target: tuple[str, ...]
) -> int:
    """Count the rows that are there already; nobody else writes meanwhile."""
    statement = facts.compiled(("keyed", target), lambda: compiler.keyed(facts, target))
    return sum(len(statement.execute(connection, statement.bind([row[name] for name in target]))[0]) for row in rows)


def _update_first(
    piece: _Piece, facts: Facts, columns: tuple[str, ...], target: tuple[str, ...], *, returning: bool
) -> None:
    """Let stored rows be updated before any is inserted.

    An insert that lacks a required column fails before it meets the conflict, and a key that is spelt otherwise meets
    none.
    """
    compile_it = partial(compiler.partial, facts, columns, target, returning=returning)
    statement = piece.update = facts.compiled(("partial", columns, target, returning), compile_it)
    changed, key = compiler.split(columns, target)
    piece.update_bound = [statement.bind([row[name] for name in (*changed, *key)]) for row in piece.rows]


def _write_piece(connection: sqlite3.Connection, piece: _Piece, facts: Facts, *, returning: bool) -> list[Row]:
    if not returning and piece.update is None:
        connection.executemany(piece.statement.sql, piece.bound)
        return []
    returned = []
    for place, values in enumerate(piece.bound):
        found: list[Any] = []
        touched = 0
        if piece.update is not None:
            found, touched = piece.update.execute(connection, piece.update_bound[place])
        if not touched and not found:
            found, _ = piece.statement.execute(connection, values)
        returned += found
    if not returning:
        return []
    if len(returned) != len(piece.bound):
        raise withheld(piece.statement)
    return stored_rows(connection, piece.statement, facts, returned)
