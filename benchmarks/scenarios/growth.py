"""What the same read and the same upsert cost as their table grows; the smallest table is the baseline."""

from __future__ import annotations

from typing import Any

from psycopg import sql

from benchmarks import names
from benchmarks.figures import Figure
from benchmarks.model import clients_in
from benchmarks.scenarios.upsert import small_row
from benchmarks.stage import Stage
from benchmarks.table import COMPANIES, Walk, phone_of
from benchmarks.turns import Operation, take_turns

_READ = sql.SQL("select * from {} where company_id = %s and phone = %s")
_UPSERT = sql.SQL(
    "insert into {} (company_id, yclients_id, name, visits) values (%s, %s, %s, %s)"
    " on conflict (company_id, yclients_id) do update set name = excluded.name, visits = excluded.visits returning *"
)


async def measure(stage: Stage) -> list[Figure]:
    """Measure ours and psycopg's, each against itself on the smallest table."""
    tables = {size_name(rows): (await stage.table(rows), rows) for rows in stage.scale.sizes}
    baseline = size_name(stage.scale.sizes[0])
    rounds, calls = stage.scale.rounds(40), 30
    figures: list[Figure] = []
    for scenario, operation in (
        (names.growing_read(names.RAW), _raw_read),
        (names.growing_read(names.OURS), _our_read),
        (names.growing_upsert(names.RAW), _raw_upsert),
        (names.growing_upsert(names.OURS), _our_upsert),
    ):
        variants = {size: operation(stage, table, Walk(rows)) for size, (table, rows) in tables.items()}
        figures += await take_turns(scenario, variants, rounds=rounds, calls=calls, baseline=baseline)
    return figures


def size_name(rows: int) -> str:
    """Name a table by its size."""
    return f"{rows:,} rows"


def _raw_read(stage: Stage, table: str, walk: Walk) -> Operation:
    query = _READ.format(sql.Identifier(table)).as_bytes()

    async def operation() -> Any:
        number = walk.step()
        async with stage.peers.raw.connection() as connection:
            cursor = await connection.execute(query, [number % COMPANIES, phone_of(number)], prepare=True)
            return await cursor.fetchone()

    return operation


def _our_read(stage: Stage, table: str, walk: Walk) -> Operation:
    clients = clients_in(table)(stage.store)

    async def operation() -> Any:
        number = walk.step()
        return await clients.find(company_id=number % COMPANIES, phone=phone_of(number))

    return operation


def _raw_upsert(stage: Stage, table: str, walk: Walk) -> Operation:
    query = _UPSERT.format(sql.Identifier(table)).as_bytes()

    async def operation() -> Any:
        async with stage.peers.raw.connection() as connection:
            cursor = await connection.execute(query, [*small_row(walk.step()).values()], prepare=True)
            return await cursor.fetchone()

    return operation


def _our_upsert(stage: Stage, table: str, walk: Walk) -> Operation:
    clients = clients_in(table)(stage.store)

    async def operation() -> Any:
        return await clients.upsert(small_row(walk.step()))

    return operation
