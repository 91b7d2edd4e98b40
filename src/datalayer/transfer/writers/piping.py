"""Whether a table's bytes can go from one PostgreSQL to the other as COPY writes them, and in which format."""

from __future__ import annotations

from typing import Literal, TypeAlias

import psycopg
from psycopg import AsyncConnection

from datalayer.query import Row
from datalayer.stores.sql_names import quote
from datalayer.transfer.pairing import ColumnPair, TablePair
from datalayer.transfer.writers.failures import failure

Wire: TypeAlias = Literal["binary", "text"]

#: Types whose binary form has numbers of this one database in it, or none at all.
_TEXT_ONLY = """
    select exists (
        select from pg_attribute a join pg_type t on t.oid = a.atttypid left join pg_type e on e.oid = t.typelem
        where a.attrelid = %s::regclass and a.attname = any(%s) and (
            (t.oid >= 16384 and t.typtype <> 'e') or t.typsend = 0 or t.typname in ('money', '_money')
            or t.typname like 'reg%%' or e.typname like 'reg%%'
        )
    ) as found
"""
_VERSIONS_PER_MAJOR = 10_000


def can_pipe(pair: TablePair) -> bool:
    """Whether every column is declared alike on both sides, so that no value needs looking at."""
    return all(_alike(column) for column in pair.columns)


async def wire(source: AsyncConnection[Row], target: AsyncConnection[Row], pair: TablePair) -> Wire:
    """Return the faster format that both servers understand alike.

    Raises:
        TransferError: the table is not there any more.
    """
    majors = {connection.info.server_version // _VERSIONS_PER_MAJOR for connection in (source, target)}
    if len(majors) > 1:
        return "text"
    for connection in (source, target):
        try:
            cursor = await connection.execute(_TEXT_ONLY.encode(), [quote(pair.name), list(pair.column_names)])
            row = await cursor.fetchone()
        except psycopg.Error as error:
            raise failure(error, pair.name) from None
        if row is None or row["found"]:
            return "text"
    return "binary"


def _alike(column: ColumnPair) -> bool:
    mine, theirs = column.source, column.target
    return mine.type == theirs.type and (theirs.nullable or not mine.nullable)
