"""One client written by its natural key, and returned as stored."""

from __future__ import annotations

from typing import Any

from supabase import AsyncClient

from benchmarks import names
from benchmarks.figures import Figure
from benchmarks.mapped import CLIENTS, ClientsRepository, MappedClient, upsert
from benchmarks.model import Client, Clients
from benchmarks.peers import Peers
from benchmarks.stage import Stage
from benchmarks.table import COMPANIES, KEY, Walk
from benchmarks.turns import Operation, take_turns

#: An upsert with psycopg's placeholders; its values are those of :func:`small_row`.
SQL = (
    "insert into clients (company_id, yclients_id, name, visits) values (%s, %s, %s, %s)"
    " on conflict (company_id, yclients_id) do update set name = excluded.name, visits = excluded.visits returning *"
)
ASYNCPG_SQL = SQL.replace("%s, %s, %s, %s", "$1, $2, $3, $4")
COLUMNS = ("company_id", "yclients_id", "name", "visits")
_REFRESHED = {"populate_existing": True}


async def measure(stage: Stage) -> list[Figure]:
    """Measure it one call after the other."""
    scale = stage.scale
    return await take_turns(names.UPSERT, _upserts(stage), rounds=scale.rounds(40), calls=25)


def small_row(number: int) -> dict[str, Any]:
    """Return the row to write."""
    return {"company_id": number % COMPANIES, "yclients_id": number, "name": f"Client {number}", "visits": number % 9}


def _upserts(stage: Stage) -> dict[str, Operation]:
    walk, peers = Walk(stage.scale.rows), stage.peers
    clients = Clients(stage.store)

    async def raw() -> Any:
        async with peers.raw.connection() as connection:
            cursor = await connection.execute(SQL, [*small_row(walk.step()).values()], prepare=True)
            return await cursor.fetchone()

    async def raw_typed() -> Client:
        return Client.model_validate(await raw())

    async def ours() -> Client:
        return await clients.upsert(small_row(walk.step()))

    async def fetchrow() -> Any:
        return await peers.asyncpg.fetchrow(ASYNCPG_SQL, *small_row(walk.step()).values())

    operations: dict[str, Operation] = {
        names.RAW: raw,
        names.RAW_TYPED: raw_typed,
        names.OURS: ours,
        names.RAW_AGAIN: raw,
        names.ASYNCPG: fetchrow,
        names.CORE: _core(peers, "psycopg", walk),
        names.CORE_ASYNCPG: _core(peers, "asyncpg", walk),
        names.ORM: _orm(peers, walk),
        names.ALCHEMY: _alchemy(peers, "psycopg", walk),
        names.ALCHEMY_ASYNCPG: _alchemy(peers, "asyncpg", walk),
    }
    if peers.supabase is not None:
        operations[names.SUPABASE] = _supabase(peers.supabase, walk)
    return operations


def _core(peers: Peers, driver: str, walk: Walk) -> Operation:
    statement = upsert(MappedClient, COLUMNS).returning(CLIENTS)

    async def operation() -> Any:
        async with peers.engines[driver].begin() as connection:
            return (await connection.execute(statement, small_row(walk.step()))).one()

    return operation


def _orm(peers: Peers, walk: Walk) -> Operation:
    async def operation() -> Any:
        row = small_row(walk.step())
        statement = upsert(MappedClient, COLUMNS).values(row).returning(MappedClient)
        async with peers.sessions["psycopg"].begin() as session:
            return (await session.scalars(statement, execution_options=_REFRESHED)).one()

    return operation


def _alchemy(peers: Peers, driver: str, walk: Walk) -> Operation:
    async def operation() -> MappedClient:
        async with peers.sessions[driver]() as session:
            repository = ClientsRepository(session=session, auto_commit=True)
            return await repository.upsert(MappedClient(**small_row(walk.step())), match_fields=[*KEY])

    return operation


def _supabase(client: AsyncClient, walk: Walk) -> Operation:
    async def operation() -> Any:
        question = client.table("clients").upsert(small_row(walk.step()), on_conflict=",".join(KEY))
        return (await question.execute()).data[0]

    return operation
