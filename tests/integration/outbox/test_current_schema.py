"""The schema that a relay reads rows by is as new as the entries."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import psycopg

from datalayer.outbox.current_schema import CurrentSchema
from datalayer.stores.postgres import PostgresStore
from datalayer.stores.sqlite import SqliteStore

_ITEMS = "create table items (id integer primary key, name text)"
_CHANGES = (
    "alter table items add column extra text",
    "alter table items rename column extra to more",
    "alter table items drop column more",
)


async def test_changes_of_a_table_of_postgres_are_seen(datalayer_database: str) -> None:
    """A column comes, gets another name and goes, all behind the store's back; in between nothing is read again."""
    with psycopg.connect(datalayer_database, autocommit=True) as door:
        door.execute(_ITEMS)
        store = await PostgresStore.open(datalayer_database)
        try:
            schema = CurrentSchema(store)
            for change in (None, *_CHANGES):
                if change is not None:
                    door.execute(change.encode())
                found = await schema.catalog(["items"])
                names = door.execute("select * from items").description or ()
                assert [column.name for column in found.tables["items"].columns] == [column.name for column in names]
                assert await schema.catalog(["items"]) is found
        finally:
            await store.close()


async def test_lost_table_is_seen_beside_one_that_stays(datalayer_database: str) -> None:
    """Asked for both at once, the store does not tell of a table that it once had."""
    with psycopg.connect(datalayer_database, autocommit=True) as door:
        door.execute(f"{_ITEMS}; create table others (id integer primary key)")
        store = await PostgresStore.open(datalayer_database)
        try:
            schema = CurrentSchema(store)
            assert (await schema.catalog(["items", "others"])).tables.keys() == {"items", "others"}
            door.execute("drop table others")
            assert (await schema.catalog(["items", "others"])).tables.keys() == {"items"}
        finally:
            await store.close()


async def test_changes_of_a_table_of_sqlite_are_seen(tmp_path: Path) -> None:
    """The same for an embedded file that another process changes."""
    file = tmp_path / "items.sqlite3"
    with closing(sqlite3.connect(file)) as door:
        door.execute(_ITEMS)
        store = await SqliteStore.open(file)
        try:
            schema = CurrentSchema(store)
            for change in (None, *_CHANGES):
                if change is not None:
                    door.execute(change)
                found = await schema.catalog(["items"])
                names = door.execute("select * from items").description
                assert [column.name for column in found.tables["items"].columns] == [name[0] for name in names]
        finally:
            await store.close()
