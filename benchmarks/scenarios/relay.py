"""Entries of an outbox settled by one relay, by the keys that it carries in a second; the servers share the machine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import perf_counter
from typing import Final

import psycopg

from benchmarks import names
from benchmarks.figures import Figure, Turn, summarise
from benchmarks.stage import Stage
from datalayer.outbox.applying.functions import FunctionApplier
from datalayer.outbox.applying.server import server_applier
from datalayer.outbox.assembly import reconciler_between, relay_over
from datalayer.outbox.capture import postgres, supabase
from datalayer.outbox.contract import Applier
from datalayer.outbox.queue import Outbox
from datalayer.servers.postgrest import PostgrestServer
from datalayer.stores.contract import Store
from datalayer.stores.postgres import PostgresStore
from datalayer.stores.supabase import SupabaseStore

_TABLE: Final = (
    "create table clients (id bigint primary key, company_id integer not null, phone text not null unique,"
    " name text not null, visits integer not null, note text, updated_at timestamptz not null default now())"
)
_ROWS: Final = (
    "insert into clients (id, company_id, phone, name, visits)"
    " select i, i % 50, '7' || lpad(i::text, 10, '0'), 'Client ' || i, i % 9 from generate_series(1, {}) i"
)
_ROLES: Final = ("anon", "authenticated", "service_role")
_TURNS: Final = 3


async def measure(stage: Stage) -> list[Figure]:
    """Carry the same rows in turn between two PostgreSQL, and between one and PostgREST in both directions."""
    if stage.postgrest is None:
        stage.tell("the relay is skipped: there is no PostgREST")
        return []
    keys = stage.scale.relayed_keys
    turns: dict[str, list[Turn]] = {names.BETWEEN_SERVERS: [], names.FROM_REST: [], names.TO_REST: []}
    async with _places(stage) as (local, other, rest):
        ways: dict[str, tuple[Store, PostgresStore, Store]] = {
            names.BETWEEN_SERVERS: (local, local, other),
            names.FROM_REST: (rest, other, local),
            names.TO_REST: (local, local, rest),
        }
        for turn in range(_TURNS * len(ways)):
            name = list(ways)[turn % len(ways)]
            seconds = await _carry(*ways[name], keys)
            turns[name].append(Turn([seconds], pace=seconds / keys))
            for store in (local, other):
                await _run(store, "truncate clients; truncate datalayer_outbox, datalayer_ledger")
    return summarise(names.relaying(keys), turns, names.BETWEEN_SERVERS)


async def _carry(primary: Store, door: PostgresStore, secondary: Store, keys: int) -> float:
    """Write rows into the primary's database, then time the relay."""
    await _run(door, _ROWS.format(keys))
    applier: Applier = FunctionApplier(secondary) if isinstance(secondary, SupabaseStore) else server_applier(secondary)
    outbox = Outbox(primary)
    relay = relay_over(await reconciler_between(primary, secondary, applier, outbox), outbox)
    started = perf_counter()
    done = await relay.drain()
    seconds = perf_counter() - started
    assert (done.applied, done.entries) == (keys, 0)
    return seconds


@asynccontextmanager
async def _places(stage: Stage) -> AsyncIterator[tuple[PostgresStore, PostgresStore, SupabaseStore]]:
    """Lend a database, another one, and PostgREST before that."""
    assert stage.postgrest is not None
    dsns = [stage.server.create_database(name) for name in ("relay_one", "relay_two")]
    for dsn in dsns:
        with psycopg.connect(dsn, autocommit=True) as connection:
            for role in _ROLES:
                if not connection.execute("select from pg_roles where rolname = %s", [role]).rowcount:
                    connection.execute(f"create role {role} {'bypassrls' if role == 'service_role' else ''}".encode())
            connection.execute(_TABLE.encode())
    local, other = [await PostgresStore.open(dsn, timeout=60) for dsn in dsns]
    try:
        await postgres.install(local, ["clients"])
        await supabase.install(other, ["clients"])
        with PostgrestServer(dsns[1], binary=stage.postgrest) as server:
            await asyncio.to_thread(server.reload_schema)
            rest = await SupabaseStore.open(server.url, server.service_key, timeout=60)
            try:
                yield local, other, rest
            finally:
                await rest.close()
    finally:
        await local.close()
        await other.close()


async def _run(store: PostgresStore, statement: str) -> None:
    """Run a statement of our own; what it writes into the tables of the second database is captured as well."""
    async with store.connection() as connection:
        await connection.execute(statement.encode())
