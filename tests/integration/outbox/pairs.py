"""A primary with capture and a secondary that follows it, on tables small enough to read."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import psycopg

from datalayer.outbox.applying.server import server_applier
from datalayer.outbox.assembly import reconciler_between, relay_over
from datalayer.outbox.breaker import DeleteBreaker
from datalayer.outbox.capture import postgres as capture
from datalayer.outbox.pace import Pace
from datalayer.outbox.queue import Outbox
from datalayer.outbox.reconcile import Reconciler
from datalayer.outbox.relay import Relay
from datalayer.outbox.waiting import waiting
from datalayer.query import Insert, Row, Select, Update, asc, col
from datalayer.stores.contract import Store
from datalayer.stores.postgres import PostgresStore
from datalayer.telemetry import RelayObserver

DDL = """
create table owners (id integer primary key, phone text unique, rank integer not null unique, note text);
create table pets (id uuid primary key, owner_id integer references owners (id), name text);
create table keys (kind text, number integer, value jsonb, primary key (kind, number));
"""
TABLES = ("owners", "pets", "keys")

#: Quick enough for tests: pauses of milliseconds.
QUICK = Pace(
    first_retry_seconds=0.01,
    longest_retry_seconds=0.02,
    shortest_idle_seconds=0.005,
    longest_idle_seconds=0.02,
    longest_trouble_seconds=0.05,
    report_seconds=0.01,
    held_seconds=0.01,
)


@dataclass
class Pair:
    """Two stores, and what carries rows from the first to the second."""

    primary: Store
    secondary: Store
    outbox: Outbox
    reconciler: Reconciler
    observers: list[RelayObserver] = field(default_factory=list)

    def relay(self, **pace: Any) -> Relay:
        """Build another relay, with a name of its own."""
        outbox = Outbox(self.outbox.store, self.outbox.table, clock=self.outbox.clock)
        return relay_over(self.reconciler, outbox, pace=replace(QUICK, **pace), observers=self.observers)

    async def settle(self, **pace: Any) -> None:
        """Work until nothing is due, retries included."""
        for _ in range(100):
            await self.relay(**pace).drain()
            if not (await waiting(self.outbox.store, self.outbox.table, self.outbox.clock)).live:
                return
        raise AssertionError("entries never end")

    async def rows(self, table: str) -> tuple[list[Row], list[Row]]:
        """Return a table of both sides."""
        key = (await self.primary.catalog()).tables[table].primary_key
        question = Select(table, order=tuple(map(asc, key)))
        return await self.primary.select(question), await self.secondary.select(question)

    async def assert_equal(self) -> None:
        """All tables are the same on both sides."""
        for table in TABLES:
            ours, theirs = await self.rows(table)
            assert ours == theirs


@asynccontextmanager
async def postgres_pair(primary_dsn: str, secondary_dsn: str, *, deletes: int = 1000) -> AsyncIterator[Pair]:
    """Open two PostgreSQL databases with the tables, the first one captured."""
    for dsn in (primary_dsn, secondary_dsn):
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(DDL.encode())
    primary = await PostgresStore.open(primary_dsn, max_size=6)
    secondary = await PostgresStore.open(secondary_dsn, max_size=6)
    try:
        await capture.install(primary, TABLES)
        await capture.install(secondary, ())
        yield await joined(primary, secondary, deletes=deletes)
    finally:
        await primary.close()
        await secondary.close()


async def joined(primary: Store, secondary: Store, *, deletes: int = 1000) -> Pair:
    """Join two stores that are prepared."""
    outbox = Outbox(primary)
    reconciler = await reconciler_between(
        primary, secondary, server_applier(secondary), outbox, breaker=DeleteBreaker(limit=deletes)
    )
    return Pair(primary, secondary, outbox, reconciler)


async def put_owners(store: Store, ids: Sequence[int], **values: Any) -> None:
    """Insert owners."""
    rows = [{"id": number, "phone": f"+{number}", "rank": number, "note": None, **values} for number in ids]
    await store.insert(Insert("owners", rows, returning=False))


async def swap(pair: Pair, column: str, values: tuple[object, object], spare: object) -> None:
    """Exchange a unique value between two rows over a spare one; both arrive, and nothing is left owed."""
    await put_owners(pair.primary, [1, 2])
    await pair.settle()
    async with pair.primary.transaction() as transaction:
        for number, value in ((1, spare), (2, values[0]), (1, values[1])):
            await transaction.update(Update("owners", {column: value}, col("id").eq(number)))
    await pair.settle()
    await pair.assert_equal()
    assert {row["id"]: row[column] for row in (await pair.rows("owners"))[1]} == {1: values[1], 2: values[0]}
