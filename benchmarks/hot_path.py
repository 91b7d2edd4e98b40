"""The hot path: single reads, typed lists and upserts through a repository, beside psycopg on the same pool."""

from __future__ import annotations

from typing import Any

from benchmarks.harness import Measured, Operation, measure
from benchmarks.table import Clients
from datalayer import asc
from datalayer.stores.postgres import PostgresStore

ROWS = 200_000
_ONE = "select * from clients where company_id = %s and phone = %s"
_LIST = "select * from clients where company_id = %s order by id limit 1000"
_UPSERT = (
    "insert into clients (company_id, yclients_id, name, visits) values (%s, %s, %s, %s)"
    " on conflict (company_id, yclients_id) do update set name = excluded.name, visits = excluded.visits returning *"
)


async def hot_path(store: PostgresStore, *, quick: bool) -> list[Measured]:
    """Measure the three scenarios; a quick run takes fewer turns."""
    rounds = 4 if quick else 12
    return [
        *await measure("single-row read", _single_reads(store), rounds=rounds, calls=300),
        *await measure("list of 1,000 rows", _lists(store), rounds=rounds, calls=15),
        *await measure("upsert returning the row", _upserts(store), rounds=rounds, calls=150),
    ]


def _single_reads(store: PostgresStore) -> dict[str, Operation]:
    clients, turn = Clients(store), _Turn()

    async def raw() -> Any:
        number = turn.next()
        async with store.pool.connection() as connection:
            cursor = await connection.execute(_ONE, [number % 50, _phone(number)], prepare=True)
            return await cursor.fetchone()

    async def typed() -> Any:
        number = turn.next()
        return await clients.find(company_id=number % 50, phone=_phone(number))

    return {"raw psycopg": raw, "repository": typed}


def _lists(store: PostgresStore) -> dict[str, Operation]:
    clients, turn = Clients(store), _Turn()

    async def raw() -> Any:
        async with store.pool.connection() as connection:
            return await (await connection.execute(_LIST, [turn.next() % 50], prepare=True)).fetchall()

    async def typed() -> Any:
        return await clients.list(company_id=turn.next() % 50, order=(asc("id"),), limit=1000)

    return {"raw psycopg": raw, "repository": typed}


def _upserts(store: PostgresStore) -> dict[str, Operation]:
    clients, turn = Clients(store), _Turn()

    async def raw() -> Any:
        number = turn.next()
        async with store.pool.connection() as connection:
            cursor = await connection.execute(_UPSERT, [number % 50, number, "Name", number % 9], prepare=True)
            return await cursor.fetchone()

    async def typed() -> Any:
        number = turn.next()
        row = {"company_id": number % 50, "yclients_id": number, "name": "Name", "visits": number % 9}
        return await clients.upsert(row)

    return {"raw psycopg": raw, "repository": typed}


class _Turn:
    """Walks over the rows in large steps, so that no variant reads what another has just warmed."""

    def __init__(self) -> None:
        self._number = 1

    def next(self) -> int:
        self._number = (self._number + 7919) % ROWS + 1
        return self._number


def _phone(number: int) -> str:
    return f"7{9_000_000_000 + number}"
