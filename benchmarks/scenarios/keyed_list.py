"""A thousand clients by their keys."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import select

from benchmarks import names
from benchmarks.figures import Figure
from benchmarks.mapped import ClientsRepository, MappedClient
from benchmarks.model import Client, Clients
from benchmarks.stage import Stage
from benchmarks.table import Walk
from benchmarks.turns import Operation, take_turns
from datalayer import col

_KEYS = 1000
_SQL = "select * from clients where id = any(%s)"
_ASYNCPG_SQL = "select * from clients where id = any($1)"


async def measure(stage: Stage) -> list[Figure]:
    """Measure lists of keys from all over the table."""
    scale = stage.scale
    return await take_turns(names.KEYED_LIST, _operations(stage), rounds=scale.rounds(25), calls=2)


def _operations(stage: Stage) -> dict[str, Operation]:
    walk, peers = Walk(stage.scale.rows), stage.peers
    clients, adapter = Clients(stage.store), TypeAdapter(list[Client])

    def keys() -> list[int]:
        return [walk.step() for _ in range(_KEYS)]

    async def raw() -> Any:
        async with peers.raw.connection() as connection:
            return await (await connection.execute(_SQL, [keys()], prepare=True)).fetchall()

    async def raw_typed() -> list[Client]:
        return adapter.validate_python(await raw())

    async def ours() -> list[Client]:
        return await clients.list(col("id").in_(keys()), order=(), limit=_KEYS)

    async def fetch() -> Any:
        return await peers.asyncpg.fetch(_ASYNCPG_SQL, keys())

    async def orm() -> Any:
        async with peers.sessions["psycopg"]() as session:
            return (await session.scalars(select(MappedClient).where(MappedClient.id.in_(keys())))).all()

    async def alchemy() -> Any:
        async with peers.sessions["psycopg"]() as session:
            return await ClientsRepository(session=session).list(MappedClient.id.in_(keys()))

    operations: dict[str, Operation] = {
        names.RAW: raw,
        names.RAW_TYPED: raw_typed,
        names.OURS: ours,
        names.ASYNCPG: fetch,
        names.ORM: orm,
        names.ALCHEMY: alchemy,
    }
    supabase = peers.supabase
    if supabase is not None:

        async def rest() -> list[Client]:
            found = await supabase.table("clients").select("*").in_("id", keys()).execute()
            return adapter.validate_python(found.data)

        operations[names.SUPABASE_TYPED] = rest
    return operations
