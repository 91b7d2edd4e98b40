"""What a comparison asks of PostgreSQL costs no more than it must."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.integration.transfer.compared import KEYS, make

from datalayer.stores.postgres import PostgresStore
from datalayer.stores.sqlite import SqliteStore
from datalayer.transfer.pairing import pair_for_verify
from datalayer.transfer.verifying.canonical_plan import canonical_plans
from datalayer.transfer.verifying.plans import Plan
from datalayer.transfer.verifying.postgres_half import PostgresHalf
from datalayer.transfer.verifying.server import ServerHalf, read_servers
from datalayer.transfer.verifying.snapshots import Side, snapshot


class _Planned(Side):
    """Keeps how the server would compute what it is asked, instead of the answer."""

    plan = ""

    async def ask(self, sql: str) -> list[tuple[Any, ...]]:
        self.plan = "\n".join(line for (line,) in await super().ask(f"explain (verbose, costs off) {sql}"))
        return []


async def _plan(store: PostgresStore, side: Side, hashing: str) -> Plan:
    (table,) = (await store.catalog(refresh=True)).tables.values()
    pair = pair_for_verify(table, table)
    if hashing == "canonical":
        plan = await (await canonical_plans(side, side, strong=False)).plan(pair)
    else:
        servers = await read_servers(side, side, strong=hashing == "strong")
        assert servers is not None
        plan = servers.plan(pair)
    assert plan is not None
    return plan


@pytest.mark.parametrize("kind", KEYS)
@pytest.mark.parametrize(
    ("hashing", "function"),
    [("quick", "hash_record_extended(ROW("), ("strong", "sha256(record_send(ROW("), ("canonical", "md5(concat(")],
)
async def test_a_row_is_hashed_once_and_no_row_is_sorted(
    origin: PostgresStore, kind: str, hashing: str, function: str
) -> None:
    """Whatever the planner knows of the key, segments are few and are added up as rows come, by parallel workers."""
    await make(origin, KEYS[kind])
    async with origin.connection() as connection:
        await connection.execute("alter table t set (parallel_workers = 2); analyze t")
    async with snapshot(origin, 1) as side:
        await side.ask(
            "select set_config('parallel_setup_cost', '0', true), set_config('parallel_tuple_cost', '0', true)"
        )
        plan = await _plan(origin, side, hashing)
        (cut,) = await plan.cuts()
        async with side.session() as session:
            planned = _Planned(origin, [session])
            assert isinstance(plan.source, ServerHalf | PostgresHalf)
            await replace(plan.source, side=planned).sums(cut)
    segments, _, rows = planned.plan.partition("Parallel Seq Scan on public.t")
    assert function in rows.partition("t.amount")[0]
    assert "Partial HashAggregate" in segments


async def test_documents_are_spelled_anew_for_another_kind_of_store_alone(
    origin: PostgresStore, tmp_path: Path
) -> None:
    """Between two servers they go as both print them; where one side does not, its way counts for both."""
    await make(origin, KEYS["text"])
    file = await SqliteStore.open(tmp_path / "t.sqlite")
    try:
        await file.run(lambda c: c.execute("create table t (id text primary key, doc jsonb)").close())
        (mine,) = (await origin.catalog(refresh=True)).tables.values()
        for other, is_anew in ((origin, False), (file, True)):
            pair = pair_for_verify(mine, (await other.catalog(refresh=True)).tables["t"])
            async with snapshot(origin, 1) as side, snapshot(other, 1) as beside:
                plan = await (await canonical_plans(side, beside, strong=False)).plan(pair)
            assert plan is not None
            assert isinstance(plan.source, PostgresHalf)
            assert ("json_strip_nulls" in plan.source.columns.row_text) == is_anew
            if isinstance(plan.target, PostgresHalf):
                assert plan.target.columns == plan.source.columns
    finally:
        await file.close()
