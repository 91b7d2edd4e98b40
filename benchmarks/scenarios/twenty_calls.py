"""An application's twenty calls: the same code over Supabase and on PostgreSQL, on one server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack

from benchmarks import names
from benchmarks.figures import Figure
from benchmarks.stage import Stage
from benchmarks.turns import Operation, take_turns
from datalayer import DataLayer, migrations
from datalayer.demo.calls import Call, salon_calls
from datalayer.demo.salon import build_salon
from datalayer.query import Insert, Row
from datalayer.servers.postgrest import PostgrestServer
from datalayer.stores.postgres import PostgresStore
from datalayer.stores.supabase import SupabaseStore

_BATCH_ROWS = 500


async def measure(stage: Stage) -> list[Figure]:
    """Measure every call; the baseline is Supabase, and 1 means as slow as that."""
    if stage.postgrest is None:
        stage.tell("the twenty calls are skipped: there is no PostgREST to compare with")
        return []
    salon = build_salon()
    figures: list[Figure] = []
    async with AsyncExitStack() as stack:
        legacy = stage.server.create_database("salon_legacy")
        await _fill(legacy, salon)
        own = await PostgresStore.open(stage.server.create_database("salon_own", template="salon_legacy"))
        stack.push_async_callback(own.close)
        rest = stack.enter_context(PostgrestServer(legacy, binary=stage.postgrest))
        supabase = await SupabaseStore.open(rest.url, rest.service_key)
        stack.push_async_callback(supabase.close)
        layers = {names.CALL_SUPABASE: DataLayer(supabase), names.CALL_POSTGRES: DataLayer(own)}
        for call in salon_calls(salon):
            figures += await take_turns(
                f"{names.CALL} {call.name}",
                {side: _asking(call, layer) for side, layer in layers.items()},
                rounds=stage.scale.rounds(25),
                calls=5,
                baseline=names.CALL_SUPABASE,
            )
    return figures


async def _fill(dsn: str, salon: Mapping[str, Sequence[Row]]) -> None:
    store = await PostgresStore.open(dsn, timeout=60)
    try:
        await migrations.apply(store)
        for table, rows in salon.items():
            for start in range(0, len(rows), _BATCH_ROWS):
                await store.insert(Insert(table, rows[start : start + _BATCH_ROWS], returning=False))
        await store.execute("analyze")
    finally:
        await store.close()


def _asking(call: Call, layer: DataLayer) -> Operation:
    turn = 0

    async def ask() -> object:
        nonlocal turn
        turn += 1
        return await call.ask(layer, turn)

    return ask
