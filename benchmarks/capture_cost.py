"""What capture costs a write, and how quickly changes are applied: ``python -m benchmarks.capture_cost``.

Two equal tables, one with triggers, are written in turn, so that what else the machine does falls on both.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
from collections.abc import Awaitable, Callable
from time import perf_counter
from uuid import uuid4

from datalayer.outbox.applying.server import server_applier
from datalayer.outbox.capture import postgres as capture
from datalayer.outbox.entries import Change
from datalayer.query import Upsert
from datalayer.servers.postgres import EmbeddedPostgres
from datalayer.stores.postgres import PostgresStore

_TABLE = """
create table {name} (id bigint primary key, company_id integer, name text, phone text, visits integer,
                     spent numeric(12, 2), tags text[], notes jsonb, updated_at timestamptz);
create index on {name} (company_id);
create index on {name} (phone);
"""
_BATCH = 100
_APPLIED = 500


def row(number: int, turn: int) -> dict[str, object]:
    """Make a client's row, other in each turn."""
    return {
        "id": number, "company_id": number % 50, "name": f"client {number}", "phone": f"+7999{number:07}",
        "visits": turn, "spent": "12.50", "tags": ["a", "b"], "notes": {"turn": turn}, "updated_at": None,
    }  # fmt: skip


async def measure(rounds: int, *, durable: bool) -> dict[str, float]:
    """Measure on a server of its own; milliseconds of a call, ratios, and keys applied a second."""
    with EmbeddedPostgres() as server:
        store = await PostgresStore.open(server.dsn)
        try:
            await _prepare(store, durable=durable)
            single = await _compare(store, rounds, lambda name, turn: _upsert(store, name, turn, 1))
            batch = await _compare(store, max(rounds // 10, 5), lambda name, turn: _upsert(store, name, turn, _BATCH))
            applied = await _apply(store, max(rounds // 100, 5))
        finally:
            await store.close()
    return {
        "upsert_ms": single[0], "captured_upsert_ms": single[1], "upsert_ratio": single[2],
        "batch_ms": batch[0], "captured_batch_ms": batch[1], "batch_ratio": batch[2],
        "applied_keys_per_second": applied,
    }  # fmt: skip


async def _prepare(store: PostgresStore, *, durable: bool) -> None:
    async with store.connection() as connection:
        for name in ("plain", "armed", "target"):
            await connection.execute(_TABLE.format(name=name).encode())
        # The throwaway server does not wait for the disk, which makes any other cost look larger than it is.
        for setting in ("fsync", "synchronous_commit"):
            await connection.execute(f"alter system set {setting} = {'on' if durable else 'off'}".encode())
        await connection.execute("select pg_reload_conf()")
    await capture.install(store, ["armed"])


async def _upsert(store: PostgresStore, name: str, turn: int, rows: int) -> None:
    first = turn * rows % 5000
    await store.upsert(Upsert(name, [row(first + n, turn) for n in range(rows)], ("id",)))


async def _compare(
    store: PostgresStore, rounds: int, write: Callable[[str, int], Awaitable[None]]
) -> tuple[float, float, float]:
    """Return medians in milliseconds without and with capture, and the median of the ratios of pairs."""
    seconds: dict[str, list[float]] = {"plain": [], "armed": []}
    for turn in range(rounds + 20):
        order = ("plain", "armed") if turn % 2 else ("armed", "plain")
        for name in order:
            started = perf_counter()
            await write(name, turn)
            if turn >= 20:
                seconds[name].append(perf_counter() - started)
    plain, armed = (statistics.median(seconds[name]) for name in ("plain", "armed"))
    return plain * 1000, armed * 1000, armed / plain


async def _apply(store: PostgresStore, batches: int) -> float:
    """Return how many keys a second are applied, rows that are there already, a batch at a time."""
    applier, origin = server_applier(store), uuid4()
    started = perf_counter()
    for batch in range(batches):
        first = batch * _APPLIED % 5000
        rows = [row(first + n, batch) | {"spent": None} for n in range(_APPLIED)]
        changes = [Change("target", (made["id"],), batch + 1, made) for made in rows]
        await applier.apply(origin, changes)
    return batches * _APPLIED / (perf_counter() - started)


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=2000)
    parser.add_argument("--durable", action="store_true", help="wait for the disk at each commit")
    options = parser.parse_args()
    found = asyncio.run(measure(options.rounds, durable=options.durable))
    sys.stdout.write(json.dumps({name: round(value, 3) for name, value in found.items()}, indent=2) + "\n")


if __name__ == "__main__":
    main()
