"""Triggers and foreign keys of PostgreSQL set aside while rows come in, and put back as they were."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from psycopg import AsyncConnection

from datalayer.query import Row
from datalayer.stores.sql_names import quote

#: pg_trigger.tgenabled and the words that bring a trigger back to it.
_ENABLED = {"O": "enable trigger", "R": "enable replica trigger", "A": "enable always trigger"}

_TRIGGERS = """
    select c.relname, t.tgname, t.tgenabled from pg_trigger t join pg_class c on c.oid = t.tgrelid
    where t.tgrelid = any(%s::regclass[]) and not t.tgisinternal and t.tgenabled <> 'D'
"""
_CIRCLE = """
    select c.relname, k.conname, k.condeferrable from pg_constraint k join pg_class c on c.oid = k.conrelid
    where k.contype = 'f' and k.conrelid = any(%s::regclass[]) and k.confrelid = any(%s::regclass[])
    and not k.condeferred
"""


async def has_triggers(connection: AsyncConnection[Row], table: str) -> bool:
    """Whether the table has triggers of its own that fire."""
    return bool(await (await connection.execute(_TRIGGERS, [[quote(table)]])).fetchall())


@asynccontextmanager
async def without_triggers(connection: AsyncConnection[Row], tables: Sequence[str]) -> AsyncIterator[None]:
    """Switch the tables' own triggers off inside the transaction: a copied updated_at must stay what it is."""
    cursor = await connection.execute(_TRIGGERS, [list(map(quote, tables))])
    triggers = await cursor.fetchall()
    for row in triggers:
        statement = f"alter table {quote(row['relname'])} disable trigger {quote(row['tgname'])}"
        await connection.execute(statement.encode())
    yield
    for row in triggers:
        statement = f"alter table {quote(row['relname'])} {_ENABLED[row['tgenabled']]} {quote(row['tgname'])}"
        await connection.execute(statement.encode())


@asynccontextmanager
async def checked_at_the_end(
    connection: AsyncConnection[Row], tables: Sequence[str], *, in_one_statement: bool = True
) -> AsyncIterator[None]:
    """Have foreign keys between the tables of a circle checked when all of them are loaded.

    Args:
        in_one_statement: each table is, so that references of a lone table to itself need nothing.
    """
    names = list(map(quote, tables))
    needless = in_one_statement and len(names) == 1
    keys = [] if needless else await (await connection.execute(_CIRCLE, [names, names])).fetchall()
    for row in keys:
        await connection.execute(_alter(row, "deferrable initially deferred").encode())
    yield
    # A table with checks still waiting cannot be altered.
    await connection.execute("set constraints all immediate")
    for row in keys:
        was = "deferrable initially immediate" if row["condeferrable"] else "not deferrable"
        await connection.execute(_alter(row, was).encode())


def _alter(row: Row, mode: str) -> str:
    return f"alter table {quote(row['relname'])} alter constraint {quote(row['conname'])} {mode}"
