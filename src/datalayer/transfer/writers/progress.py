"""Where a copy stands, kept in the target itself: a part counts as written exactly when its rows are there.

The row of a part is claimed at the beginning of the transaction that writes the part. A killed run whose last
transaction is still at work on the server therefore makes the next run wait for its end, and never write twice.
"""

from __future__ import annotations

from dataclasses import dataclass

from psycopg import AsyncConnection

from datalayer.query import Row
from datalayer.stores.sql_names import quote

#: Removed when the copy is finished.
PROGRESS_TABLE = "datalayer_copy_progress"

_CREATE = f"""
    create table if not exists {PROGRESS_TABLE} (
        table_name text not null,
        part bigint not null,
        rows bigint not null default 0,
        ends_at text not null default '',
        layout text,
        empty_before boolean,
        source_mark text,
        target_mark text,
        primary key (table_name, part)
    )
"""
#: Part 0 is the table's own row: how it was cut into parts, and what source and target were then.
_BEGUN = f"select * from {PROGRESS_TABLE} where table_name = %s and part = 0"
_DONE = f"select part, rows, ends_at from {PROGRESS_TABLE} where table_name = %s and part > 0"
_FORGET = f"delete from {PROGRESS_TABLE} where table_name = %s"
_BEGIN = f"""
    insert into {PROGRESS_TABLE} (table_name, part, layout, empty_before, source_mark, target_mark)
    values (%s, 0, %s, %s, %s, %s)
"""
_CLAIM = f"""
    insert into {PROGRESS_TABLE} (table_name, part, ends_at) values (%s, %s, %s)
    on conflict do nothing returning part
"""
_COUNT = f"update {PROGRESS_TABLE} set rows = %s where table_name = %s and part = %s"
#: Of the table, or of its partitions, which have its rows.
_TARGET_MARK = b"""
    select concat_ws('/', %(table)s::regclass::oid, string_agg(pg_relation_filenode(f.relid)::text, '/'
           order by f.relid::oid)) as mark
    from (select %(table)s::regclass as relid union select relid from pg_partition_tree(%(table)s)) f
"""


@dataclass(frozen=True, slots=True)
class Begun:
    """How a table was begun."""

    layout: str
    empty_before: bool
    source_mark: str
    target_mark: str


async def create(connection: AsyncConnection[Row]) -> None:
    """Make the table that keeps the progress."""
    await connection.execute(_CREATE.encode())


async def exists(connection: AsyncConnection[Row]) -> bool:
    """Whether an earlier copy left its progress."""
    cursor = await connection.execute("select to_regclass(%s) is not null as found", [PROGRESS_TABLE])
    row = await cursor.fetchone()
    return bool(row and row["found"])


async def drop(connection: AsyncConnection[Row]) -> None:
    """Forget everything."""
    await connection.execute(f"drop table if exists {PROGRESS_TABLE}".encode())


async def begun(connection: AsyncConnection[Row], table: str) -> Begun | None:
    """Return how an earlier run began the table."""
    row = await (await connection.execute(_BEGUN.encode(), [table])).fetchone()
    if row is None:
        return None
    return Begun(row["layout"], row["empty_before"], row["source_mark"], row["target_mark"])


async def done(connection: AsyncConnection[Row], table: str) -> tuple[dict[int, str], int]:
    """Return the parts that are written, where they end, and how many rows they have."""
    rows = await (await connection.execute(_DONE.encode(), [table])).fetchall()
    return {row["part"]: row["ends_at"] for row in rows}, sum(row["rows"] for row in rows)


async def begin(connection: AsyncConnection[Row], table: str, how: Begun) -> None:
    """Begin a table anew."""
    await connection.execute(_FORGET.encode(), [table])
    values = [table, how.layout, how.empty_before, how.source_mark, how.target_mark]
    await connection.execute(_BEGIN.encode(), values)


async def claim(connection: AsyncConnection[Row], table: str, part: int, ends_at: str) -> bool:
    """Take a part inside the transaction that will write it; False where it is written already."""
    cursor = await connection.execute(_CLAIM.encode(), [table, part, ends_at])
    return await cursor.fetchone() is not None


async def count(connection: AsyncConnection[Row], table: str, part: int, rows: int) -> None:
    """Say how many rows a claimed part has."""
    await connection.execute(_COUNT.encode(), [rows, table, part])


async def target_mark(connection: AsyncConnection[Row], table: str) -> str:
    """Return a text that changes when the table is another one, or was emptied by TRUNCATE."""
    row = await (await connection.execute(_TARGET_MARK, {"table": quote(table)})).fetchone()
    return str(row["mark"]) if row else ""
