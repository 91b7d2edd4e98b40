"""Three upserts in one transaction. supabase-py has no transactions, so it has no part here."""

from __future__ import annotations

from benchmarks import names
from benchmarks.figures import Figure
from benchmarks.mapped import CLIENTS, ClientsRepository, MappedClient, upsert
from benchmarks.model import Clients
from benchmarks.peers import Peers
from benchmarks.scenarios.upsert import ASYNCPG_SQL, COLUMNS, SQL, small_row
from benchmarks.stage import Stage
from benchmarks.table import KEY, Walk
from benchmarks.turns import Operation, take_turns

_WRITES = range(3)


async def measure(stage: Stage) -> list[Figure]:
    """Measure whole transactions, their beginning and commit included."""
    scale = stage.scale
    return await take_turns(names.THREE_WRITES, _operations(stage), rounds=scale.rounds(30), calls=15)


def _operations(stage: Stage) -> dict[str, Operation]:
    walk, peers = Walk(stage.scale.rows), stage.peers
    return {
        names.RAW: _raw(peers, walk),
        names.OURS: _ours(stage, walk),
        names.ASYNCPG: _asyncpg(peers, walk),
        names.CORE: _core(peers, walk),
        names.ALCHEMY: _alchemy(peers, "psycopg", walk),
        names.ALCHEMY_ASYNCPG: _alchemy(peers, "asyncpg", walk),
    }


def _raw(peers: Peers, walk: Walk) -> Operation:
    async def operation() -> None:
        async with peers.raw.connection() as connection, connection.transaction():
            for _ in _WRITES:
                cursor = await connection.execute(SQL, [*small_row(walk.step()).values()], prepare=True)
                await cursor.fetchone()

    return operation


def _ours(stage: Stage, walk: Walk) -> Operation:
    async def operation() -> None:
        async with stage.store.transaction() as session:
            clients = Clients(session)
            for _ in _WRITES:
                await clients.upsert(small_row(walk.step()))

    return operation


def _asyncpg(peers: Peers, walk: Walk) -> Operation:
    async def operation() -> None:
        async with peers.asyncpg.acquire() as connection, connection.transaction():
            for _ in _WRITES:
                await connection.fetchrow(ASYNCPG_SQL, *small_row(walk.step()).values())

    return operation


def _core(peers: Peers, walk: Walk) -> Operation:
    statement = upsert(MappedClient, COLUMNS).returning(CLIENTS)

    async def operation() -> None:
        async with peers.engines["psycopg"].begin() as connection:
            for _ in _WRITES:
                (await connection.execute(statement, small_row(walk.step()))).one()

    return operation


def _alchemy(peers: Peers, driver: str, walk: Walk) -> Operation:
    async def operation() -> None:
        async with peers.sessions[driver].begin() as session:
            repository = ClientsRepository(session=session)
            for _ in _WRITES:
                await repository.upsert(MappedClient(**small_row(walk.step())), match_fields=[*KEY])

    return operation
