"""What dual-write and shadow reads cost the callers of the primary.

The relay carries a write a tenth of a second after it. Calls with pauses, in turns of half a second, meet it at work as
those of an application do. Calls without a pause share the machine with a relay and three servers that never rest.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from pydantic import SecretStr

from benchmarks import names
from benchmarks.figures import Figure
from benchmarks.model import Client, Clients
from benchmarks.scenarios.upsert import small_row
from benchmarks.stage import Stage
from benchmarks.table import COMPANIES, Walk, create_table, phone_of
from benchmarks.turns import Operation, take_turns
from datalayer import DataLayer
from datalayer.outbox.capture import postgres, supabase
from datalayer.servers.postgrest import PostgrestServer
from datalayer.settings import GivenSettings, Settings
from datalayer.stores.postgres import PostgresStore

#: Nothing listens there (RFC 6335 reserves port 0; port 1 is tcpmux, which nobody runs).
_NOBODY = "http://127.0.0.1:1"
_ROWS = 20_000
_PAUSE_SECONDS = 0.005


async def measure(stage: Stage) -> list[Figure]:
    """Measure upserts with and without a store that follows, and reads with and without shadows."""
    if stage.postgrest is None:
        return []
    scale = stage.scale
    async with AsyncExitStack() as stack:
        layers = {name: await stack.enter_async_context(made) for name, made in _layers(stage).items()}
        writes = {name: _upsert(layer) for name, layer in layers.items() if name != names.SHADOWED}
        reads = {name: _read(layers[name]) for name in (names.PLAIN, names.SHADOWED)}
        return [
            *await take_turns(
                names.DUAL_UPSERT,
                writes,
                rounds=scale.rounds(20),
                calls=60,
                baseline=names.PLAIN,
                before=lambda: asyncio.sleep(_PAUSE_SECONDS),
            ),
            *await take_turns(
                names.DUAL_UPSERT_BUSY, writes, rounds=scale.rounds(10), calls=1000, baseline=names.PLAIN
            ),
            *await take_turns(names.SHADOW_READ, reads, rounds=scale.rounds(40), calls=200, baseline=names.PLAIN),
        ]


def _layers(stage: Stage) -> dict[str, Any]:
    return {
        names.PLAIN: _layer(stage, "plain"),
        names.CAPTURED: _layer(stage, "captured", follows=True, enable_dual_write=True, datalayer_relay=False),
        names.RELAYED: _layer(stage, "relayed", follows=True, enable_dual_write=True),
        names.AWAY: _layer(stage, "away", enable_dual_write=True, supabase_url=_NOBODY),
        names.SHADOWED: _layer(
            stage, "shadowed", follows=True, enable_dual_write=True, datalayer_relay=False, datalayer_shadow_reads=0.05
        ),
    }


@asynccontextmanager
async def _layer(stage: Stage, name: str, *, follows: bool = False, **flags: Any) -> AsyncIterator[DataLayer]:
    """Open a layer on a database of its own, with a Supabase that follows where one is to be there."""
    dsn = stage.server.create_database(name)
    async with _opened(dsn) as store, store.connection() as connection:
        await create_table(connection, "clients", _ROWS)
    async with AsyncExitStack() as stack:
        if follows:
            behind = stage.server.create_database(f"{name}_follows", template=name)
            async with _opened(behind) as store:
                await supabase.install(store)
            rest = stack.enter_context(PostgrestServer(behind, binary=stage.postgrest))
            flags |= {"supabase_url": rest.url, "supabase_service_role_key": SecretStr(rest.service_key)}
        elif "supabase_url" in flags:
            flags |= {"supabase_service_role_key": SecretStr(stage.rest_key or "")}
        if flags:
            async with _opened(dsn) as store:
                await postgres.install(store)
        yield await stack.enter_async_context(DataLayer.open(_settings(dsn, flags)))


def _settings(dsn: str, flags: Mapping[str, Any]) -> Settings:
    legacy = {"use_legacy_supabase": False} if flags else {}
    return GivenSettings(
        database_url=SecretStr(dsn),
        datalayer_check_schema=False,
        db_query_latency_threshold_ms=0,
        datalayer_sentry=False,
        **legacy,
        **flags,
    )


@asynccontextmanager
async def _opened(dsn: str) -> AsyncIterator[PostgresStore]:
    store = await PostgresStore.open(dsn, timeout=600)
    try:
        yield store
    finally:
        await store.close()


def _upsert(layer: DataLayer) -> Operation:
    clients, walk = Clients(layer.session), Walk(_ROWS)

    async def operation() -> Client:
        return await clients.upsert(small_row(walk.step()))

    return operation


def _read(layer: DataLayer) -> Operation:
    clients, walk = Clients(layer.session), Walk(_ROWS)

    async def operation() -> Client | None:
        number = walk.step()
        return await clients.find(company_id=number % COMPANIES, phone=phone_of(number))

    return operation
