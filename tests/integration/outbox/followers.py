"""The stores that can follow, each on tables of its own that are armed themselves, with a back door."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import psycopg
from tests.integration.outbox.conftest import emptied

from datalayer.outbox.applying.functions import FunctionApplier
from datalayer.outbox.applying.server import server_applier
from datalayer.outbox.capture import postgres, sqlite, supabase
from datalayer.outbox.contract import Applier
from datalayer.query import Row, Select, asc
from datalayer.servers.postgrest import PostgrestServer
from datalayer.stores.contract import Store
from datalayer.stores.postgres import PostgresStore
from datalayer.stores.sqlite import SqliteStore
from datalayer.stores.supabase import SupabaseStore

_POSTGRES: Final = """
create table parents (id integer primary key, boss integer references parents (id), name text unique,
                      rank integer not null default 0, code varchar(12) unique);
create table kids (id integer primary key, parent integer not null references parents (id), note text);
create table things (
    id bigint generated always as identity primary key, exact numeric, price numeric(12, 2), single real,
    double double precision, flag boolean, day date, clock time, moment timestamp, instant timestamptz, token uuid,
    doc jsonb, plain json, raw bytea, tags text[], numbers integer[],
    twice bigint generated always as (id * 2) stored);
create table blobs (id integer primary key, pieces bytea[], docs jsonb[]);
create table pairs (a integer, "two words" text, primary key (a, "two words"));
create table hens (id integer primary key, egg integer);
create table eggs (id integer primary key, hen integer references hens (id));
alter table hens add foreign key (egg) references eggs (id);
create table items (id integer primary key, note integer not null);
create table badges (id integer primary key, code varchar(6) not null unique, day date not null,
                     number smallint not null, unique (day, number));
create table seats (id integer primary key, parent integer not null references parents (id),
                    place integer not null, price numeric(6, 2) not null unique, day date not null unique,
                    moment timestamp not null unique, instant timestamptz not null unique, raw bytea not null unique,
                    token uuid not null unique, unique (parent, place));
"""
_SQLITE: Final = """
create table parents (id integer primary key, boss int4 references parents (id), name text unique,
                      rank int4 not null default 0, code varchar(12) unique);
create table kids (id integer primary key, parent int4 not null references parents (id), note text);
create table things (
    id integer primary key, exact decimal_text, price decimal_text(12, 2), single real, double double precision,
    flag boolean, day date, clock time, moment timestamp, instant timestamptz, token uuid, doc json_text, plain json,
    raw bytea, tags text[], numbers int4[], twice bigint generated always as (id * 2) stored);
create table blobs (id integer primary key, pieces bytea[], docs json_text[]);
create table pairs (a int4 not null, "two words" text not null, primary key (a, "two words")) without rowid;
create table hens (id integer primary key, egg int4 references eggs (id));
create table eggs (id integer primary key, hen int4 references hens (id));
create table items (id integer primary key, note int4 not null);
create table badges (id integer primary key, code varchar(6) not null unique, day date not null,
                     number smallint not null, unique (day, number));
create table seats (id integer primary key, parent int4 not null references parents (id), place int4 not null,
                    price decimal_text(6, 2) not null unique, day date not null unique,
                    moment timestamp not null unique, instant timestamptz not null unique, raw bytea not null unique,
                    token uuid not null unique, unique (parent, place));
"""
_CLEARED: Final = (
    "update hens set egg = null",
    *(
        f"delete from {table}"
        for table in (
            "eggs", "hens", "kids", "seats", "parents", "things", "blobs", "badges", "pairs", "items",
            "datalayer_outbox", "datalayer_ledger",
        )
    ),
)  # fmt: skip


class Follower:
    """A store that changes are applied to."""

    def __init__(self, store: Store, applier: Applier) -> None:
        self.store = store
        self.applier = applier

    async def rows(self, table: str, order: str = "id") -> list[Row]:
        """Read a table in the order of its key."""
        return await self.store.select(Select(table, order=(asc(order),)))

    def run(self, *statements: str) -> list[Any]:
        """Run statements behind the store's back and return the last one's rows."""
        raise NotImplementedError

    def clear(self) -> None:
        """Empty every table, bookkeeping included."""
        self.run(*_CLEARED)

    async def schema_changed(self) -> None:
        """Wait until the store's server knows what the back door did."""

    async def close(self) -> None:
        """Close the store and the back door."""
        await self.store.close()


class PostgresFollower(Follower):
    """PostgreSQL."""

    @classmethod
    async def open(cls, dsn: str) -> PostgresFollower:
        """Make the tables, arm them, and open the store."""
        door = psycopg.connect(dsn, autocommit=True)
        door.execute(_POSTGRES.encode())
        store = await PostgresStore.open(dsn, max_size=4)
        await postgres.install(store)
        follower = cls(store, server_applier(store))
        follower.door = door
        return follower

    door: psycopg.Connection

    def run(self, *statements: str) -> list[Any]:
        """Run statements behind the store's back and return the last one's rows."""
        return _run_postgres(self.door, statements)

    async def close(self) -> None:
        """Close the store and the back door."""
        await super().close()
        self.door.close()


class SupabaseFollower(PostgresFollower):
    """Supabase through a real PostgREST, with the script."""

    server: PostgrestServer

    @classmethod
    async def start(cls, server: PostgrestServer) -> SupabaseFollower:
        """Make the tables, install the script, and open the store."""
        emptied(server)
        door = psycopg.connect(server.dsn, autocommit=True)
        door.execute(_POSTGRES.encode())
        direct = await PostgresStore.open(server.dsn)
        await supabase.install(direct)
        await direct.close()
        await asyncio.to_thread(server.reload_schema)
        store = await SupabaseStore.open(server.url, server.service_key)
        follower = cls(store, FunctionApplier(store))
        follower.door, follower.server = door, server
        return follower

    async def schema_changed(self) -> None:
        """Have PostgREST read the schema again."""
        await asyncio.to_thread(self.server.reload_schema)


class SqliteFollower(Follower):
    """SQLite."""

    door: sqlite3.Connection

    @classmethod
    async def open(cls, path: Path) -> SqliteFollower:
        """Make the tables, arm them, and open the store."""
        door = sqlite3.connect(path, isolation_level=None)
        door.executescript(_SQLITE)
        store = await SqliteStore.open(path)
        await sqlite.install(store)
        follower = cls(store, server_applier(store))
        follower.door = door
        return follower

    def run(self, *statements: str) -> list[Any]:
        """Run statements behind the store's back and return the last one's rows."""
        found: list[Any] = []
        for statement in statements:
            found = self.door.execute(statement).fetchall()
        return found

    async def close(self) -> None:
        """Close the store and the back door."""
        await super().close()
        self.door.close()


def _run_postgres(door: psycopg.Connection, statements: Sequence[str]) -> list[Any]:
    cursor = door.cursor()
    for statement in statements:
        cursor.execute(statement.encode())
    return cursor.fetchall() if cursor.description else []
