"""The two ways in which PostgreSQL's store writes many rows, beside each other: where one overtakes the other."""

from __future__ import annotations

from functools import partial

from benchmarks import names
from benchmarks.figures import Figure
from benchmarks.scenarios.bulk_upsert import make_tables, reset
from benchmarks.stage import Stage
from benchmarks.table import KEY, client_row
from benchmarks.turns import take_turns
from datalayer.query import Upsert
from datalayer.stores.postgres import PostgresStore

_SIZES = (100, 500, 1000, 2000, 5000, 10_000)


async def measure(stage: Stage) -> list[Figure]:
    """Measure every size on one connection, whichever way the store itself would choose."""
    figures: list[Figure] = []
    for count in _SIZES:
        await make_tables(stage, count)
        question = Upsert("clients_bulk", [client_row(number) for number in range(1, count + 1)], KEY, returning=False)
        store = await PostgresStore.open(stage.dsn, max_size=1, timeout=600)
        try:
            figures += await take_turns(
                names.bulk_strategies(count),
                {
                    names.AS_JSON: partial(_write, store, question, copy_rows=count + 1),
                    names.BY_COPY: partial(_write, store, question, copy_rows=1),
                },
                rounds=stage.scale.rounds(20),
                calls=1,
                baseline=names.AS_JSON,
                before=lambda: reset(stage),
            )
        finally:
            await store.close()
    return figures


async def _write(store: PostgresStore, question: Upsert, *, copy_rows: int) -> None:
    store.shared.copy_rows = copy_rows
    await store.upsert(question)
