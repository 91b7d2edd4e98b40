"""What a comparison asks of PostgreSQL costs no more than it must."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.integration.transfer.compared import KEYS, make

from datalayer.stores.postgres import PostgresStore
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
