"""One client, by company and phone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from supabase import AsyncClient

from benchmarks import names
from benchmarks.figures import Figure
from benchmarks.mapped import CLIENTS, ClientsRepository, MappedClient
from benchmarks.model import Client, Clients
from benchmarks.peers import Peers
from benchmarks.stage import Stage
from benchmarks.table import COMPANIES, Walk, phone_of
from benchmarks.turns import Operation, take_turns

_SQL = "select * from clients where company_id = %s and phone = %s"
_ASYNCPG_SQL = "select * from clients where company_id = $1 and phone = $2"


async def measure(stage: Stage) -> list[Figure]:
    """Measure it one call after the other."""
    scale = stage.scale
    return await take_turns(names.SINGLE_READ, single_reads(stage), rounds=scale.rounds(40), calls=30)


def single_reads(stage: Stage) -> Mapping[str, Operation]:
    """Return every way to read one client."""
    walk, peers = Walk(stage.scale.rows), stage.peers
    clients = Clients(stage.store)

    async def raw() -> Any:
        number = walk.step()
        async with peers.raw.connection() as connection:
            cursor = await connection.execute(_SQL, [number % COMPANIES, phone_of(number)], prepare=True)
            return await cursor.fetchone()

    async def raw_typed() -> Client:
        return Client.model_validate(await raw())

    async def ours() -> Client | None:
        number = walk.step()
        return await clients.find(company_id=number % COMPANIES, phone=phone_of(number))

    async def ours_as_dict() -> Any:
        number = walk.step()
        return await clients.dicts.find(company_id=number % COMPANIES, phone=phone_of(number))

    async def fetchrow() -> Any:
        number = walk.step()
        return await peers.asyncpg.fetchrow(_ASYNCPG_SQL, number % COMPANIES, phone_of(number))

    operations: dict[str, Operation] = {
        names.RAW: raw,
        names.RAW_TYPED: raw_typed,
        names.OURS: ours,
        names.RAW_AGAIN: raw,
        names.OURS_DICTS: ours_as_dict,
        names.ASYNCPG: fetchrow,
        names.CORE: _core(peers, "psycopg", walk),
        names.CORE_ASYNCPG: _core(peers, "asyncpg", walk),
        names.ORM: _orm(peers, "psycopg", walk),
        names.ORM_ASYNCPG: _orm(peers, "asyncpg", walk),
        names.ALCHEMY: _alchemy(peers, "psycopg", walk),
        names.ALCHEMY_ASYNCPG: _alchemy(peers, "asyncpg", walk),
    }
    if peers.supabase is not None:
        operations[names.SUPABASE] = _supabase(peers.supabase, walk)
    return operations


def _core(peers: Peers, driver: str, walk: Walk) -> Operation:
    async def operation() -> Any:
        number = walk.step()
        question = select(CLIENTS).where(
            CLIENTS.c.company_id == number % COMPANIES, CLIENTS.c.phone == phone_of(number)
        )
        async with peers.engines[driver].connect() as connection:
            return (await connection.execute(question)).one()

    return operation


def _orm(peers: Peers, driver: str, walk: Walk) -> Operation:
    async def operation() -> MappedClient:
        number = walk.step()
        question = select(MappedClient).where(
            MappedClient.company_id == number % COMPANIES, MappedClient.phone == phone_of(number)
        )
        async with peers.sessions[driver]() as session:
            return (await session.scalars(question)).one()

    return operation


def _alchemy(peers: Peers, driver: str, walk: Walk) -> Operation:
    async def operation() -> MappedClient:
        number = walk.step()
        async with peers.sessions[driver]() as session:
            return await ClientsRepository(session=session).get_one(
                company_id=number % COMPANIES, phone=phone_of(number)
            )

    return operation


def _supabase(client: AsyncClient, walk: Walk) -> Operation:
    async def operation() -> Any:
        number = walk.step()
        question = (
            client.table("clients").select("*").eq("company_id", number % COMPANIES).eq("phone", phone_of(number))
        )
        return (await question.execute()).data[0]

    return operation
