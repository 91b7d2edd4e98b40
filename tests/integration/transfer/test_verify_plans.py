"""What a comparison asks of PostgreSQL costs no more than it must."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from psycopg.conninfo import make_conninfo
from tests.integration.transfer.compared import KEYS, make
from tests.integration.transfer.sql import ask, run

from datalayer.stores.postgres import PostgresStore
from datalayer.stores.sqlite import SqliteStore
from datalayer.transfer import repair
from datalayer.transfer.pairing import pair_for_verify
from datalayer.transfer.verifying.canonical_plan import canonical_plans
from datalayer.transfer.verifying.cuts import RangeCut
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
    async with snapshot(origin, 1, beside=origin) as side:
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


async def test_a_document_is_printed_once(origin: PostgresStore, tmp_path: Path) -> None:
    """Its spelling looks for null in what is printed, and then reads that."""
    await make(origin, KEYS["whole number"])
    file = await SqliteStore.open(tmp_path / "t.sqlite")
    try:
        await file.run(lambda c: c.execute("create table t (id integer primary key, doc jsonb)").close())
        mine, theirs = [(await store.catalog(refresh=True)).tables["t"] for store in (origin, file)]
        async with snapshot(origin, 1, beside=file) as side, snapshot(file, 1, beside=origin) as beside:
            plan = await (await canonical_plans(side, beside, strong=False)).plan(pair_for_verify(mine, theirs))
            assert plan is not None
            assert isinstance(plan.source, PostgresHalf)
            (cut,) = await plan.cuts()
            async with side.session() as session:
                planned = _Planned(origin, [session])
                await replace(plan.source, side=planned).sums(cut)
        assert "to_json(t.doc)" in planned.plan.partition("Seq Scan on public.t")[2]
        assert planned.plan.count("t.doc") == 1
    finally:
        await file.close()


async def test_a_server_on_this_machine_leaves_processors_to_sqlite(second_database: str, tmp_path: Path) -> None:
    """Rows of SQLite are hashed here: the server has what is left, on each connection; beside a server, all."""
    workers = "max_parallel_workers_per_gather"
    store = await PostgresStore.open(make_conninfo(second_database, options=f"-c {workers}=100"), max_size=3)
    file = await SqliteStore.open(tmp_path / "t.sqlite")
    try:
        (found,) = await ask(store, "select inet_server_addr() is not distinct from inet_client_addr() as here")
        room = max((os.cpu_count() or 1) - 2, 0) if found["here"] else 100
        for beside, expected in ((file, room), (store, 100)):
            async with snapshot(store, 2, beside=beside) as side, side.session():
                assert await side.ask(f"select current_setting('{workers}')::int") == [(expected,)]
    finally:
        await store.close()
        await file.close()


@pytest.mark.parametrize("key", ["id integer primary key", "id int primary key"])
async def test_slices_hash_alike_on_unlike_stores(origin: PostgresStore, tmp_path: Path, key: str) -> None:
    """Each slice of a large table has the same rows on both sides, also where its key is not the row id."""
    await run(
        origin,
        "create table t (id int primary key, v text);"
        " insert into t select n, 'row ' || n from generate_series(1, 3000) n",
    )
    file = await SqliteStore.open(tmp_path / "t.sqlite")
    try:
        await file.run(lambda c: c.execute(f"create table t ({key}, v text)").close())
        assert (await repair(origin, file)).after.equal
        mine, theirs = [(await store.catalog(refresh=True)).tables["t"] for store in (origin, file)]
        async with snapshot(origin, 1, beside=file) as side, snapshot(file, 1, beside=origin) as beside:
            plan = await (await canonical_plans(side, beside, strong=False)).plan(pair_for_verify(mine, theirs))
            assert plan is not None
            rows = 0
            for cut in RangeCut(-5, 3100).slices(4):
                sums = await plan.target.sums(cut)
                assert sums == await plan.source.sums(cut)
                rows += sum(count for count, _ in sums.values())
            assert rows == 3000
    finally:
        await file.close()


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
            async with snapshot(origin, 1, beside=other) as side, snapshot(other, 1, beside=origin) as beside:
                plan = await (await canonical_plans(side, beside, strong=False)).plan(pair)
            assert plan is not None
            assert isinstance(plan.source, PostgresHalf)
            assert ("json_strip_nulls" in plan.source.columns.row_text) == is_anew
            if isinstance(plan.target, PostgresHalf):
                assert plan.target.columns == plan.source.columns
    finally:
        await file.close()
