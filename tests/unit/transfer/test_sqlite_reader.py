"""What reads SQLite for a copy leaves the rest of the process as it is."""

from __future__ import annotations

import gc
import sqlite3
from pathlib import Path

from tests.unit.transfer.tables import table

from datalayer.stores.catalog import ForeignKey
from datalayer.stores.sqlite import SqliteStore
from datalayer.transfer.readers.sqlite import SqliteReader


async def test_collector_goes_on_while_a_whole_table_is_looked_at(tmp_path: Path) -> None:
    """That takes as long as the table is large, and what else runs meanwhile makes garbage; a page is read at once."""
    store = await SqliteStore.open(tmp_path / "t.sqlite")
    seen: list[bool] = []

    def watch(connection: sqlite3.Connection) -> None:
        connection.set_progress_handler(lambda: seen.append(gc.isenabled()), 1)

    try:
        await store.run(lambda c: c.executescript("create table t (id integer primary key, up integer)").close())
        await store.run(lambda c: c.execute("insert into t values (1, 7), (2, 8)").close())
        async with store.transaction(read_only=True) as session:
            reader = SqliteReader(session)
            async with reader.reading():
                await session.read(watch)
                await reader.layout(table("t"))
                await reader.broken_references(table("t"), [ForeignKey("t_up", ("up",), "t", ("id",))])
                assert set(seen) == {True}
                seen.clear()
                assert [page async for page in reader.pages("t", ["up"])] == [[(7, 1), (8, 2)]]
                assert set(seen) == {False}
    finally:
        await store.close()
