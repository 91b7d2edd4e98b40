"""Lists of 1,000 rows: as the models that each library gives, and as plain dicts."""

from __future__ import annotations

from typing import Any

from advanced_alchemy.filters import LimitOffset, OrderBy
from pydantic import TypeAdapter
from sqlalchemy import select

from benchmarks import names
from benchmarks.figures import Figure
from benchmarks.mapped import CLIENTS, ClientsRepository, MappedClient
from benchmarks.model import Client, Clients
from benchmarks.stage import Stage
from benchmarks.table import COMPANIES, Walk
from benchmarks.turns import Operation, take_turns
from datalayer import asc

ROWS = 1000
_SQL = "select * from clients where company_id = %s order by id limit 1000"
_ASYNCPG_SQL = "select * from clients where company_id = $1 order by id limit 1000"


async def measure(stage: Stage) -> list[Figure]:
    """Measure both kinds."""
    rounds, calls = stage.scale.rounds(30), 3
    return [
        *await take_turns(names.TYPED_LIST, _typed(stage), rounds=rounds, calls=calls),
        *await take_turns(names.DICT_LIST, _dicts(stage), rounds=rounds, calls=calls),
    ]


def _typed(stage: Stage) -> dict[str, Operation]:
    """The baseline is psycopg's dicts, which nobody has made into anything."""
    walk, peers = Walk(stage.scale.rows), stage.peers
    clients, adapter = Clients(stage.store), TypeAdapter(list[Client])
    plain = _dicts(stage)
    raw, supabase = plain[names.RAW], plain.get(names.SUPABASE)

    async def raw_typed() -> list[Client]:
        return adapter.validate_python(await raw())

    async def ours() -> list[Client]:
        return await clients.list(company_id=walk.step() % COMPANIES, order=(asc("id"),), limit=ROWS)

    def orm(driver: str) -> Operation:
        async def operation() -> Any:
            wanted = MappedClient.company_id == walk.step() % COMPANIES
            question = select(MappedClient).where(wanted).order_by(MappedClient.id).limit(ROWS)
            async with peers.sessions[driver]() as session:
                return (await session.scalars(question)).all()

        return operation

    def alchemy(driver: str) -> Operation:
        async def operation() -> Any:
            page = (OrderBy("id", "asc"), LimitOffset(ROWS, 0))
            async with peers.sessions[driver]() as session:
                return await ClientsRepository(session=session).list(*page, company_id=walk.step() % COMPANIES)

        return operation

    operations: dict[str, Operation] = {
        names.RAW: raw,
        names.RAW_TYPED: raw_typed,
        names.OURS: ours,
        names.RAW_AGAIN: raw,
        names.ORM: orm("psycopg"),
        names.ORM_ASYNCPG: orm("asyncpg"),
        names.ALCHEMY: alchemy("psycopg"),
        names.ALCHEMY_ASYNCPG: alchemy("asyncpg"),
    }
    if supabase is not None:

        async def supabase_typed() -> list[Client]:
            return adapter.validate_python(await supabase())

        operations[names.SUPABASE_TYPED] = supabase_typed
    return operations


def _dicts(stage: Stage) -> dict[str, Operation]:
    walk, peers = Walk(stage.scale.rows), stage.peers
    clients = Clients(stage.store)

    async def raw() -> Any:
        async with peers.raw.connection() as connection:
            return await (await connection.execute(_SQL, [walk.step() % COMPANIES], prepare=True)).fetchall()

    async def ours() -> Any:
        return await clients.dicts.list(company_id=walk.step() % COMPANIES, order=(asc("id"),), limit=ROWS)

    async def fetch() -> Any:
        return await peers.asyncpg.fetch(_ASYNCPG_SQL, walk.step() % COMPANIES)

    def core(driver: str) -> Operation:
        async def operation() -> Any:
            wanted = CLIENTS.c.company_id == walk.step() % COMPANIES
            question = select(CLIENTS).where(wanted).order_by(CLIENTS.c.id).limit(ROWS)
            async with peers.engines[driver].connect() as connection:
                return (await connection.execute(question)).mappings().all()

        return operation

    operations: dict[str, Operation] = {
        names.RAW: raw,
        names.OURS_DICTS: ours,
        names.ASYNCPG: fetch,
        names.CORE: core("psycopg"),
        names.CORE_ASYNCPG: core("asyncpg"),
    }
    supabase = peers.supabase
    if supabase is not None:

        async def rest() -> Any:
            question = supabase.table("clients").select("*").eq("company_id", walk.step() % COMPANIES)
            return (await question.order("id").limit(ROWS).execute()).data

        operations[names.SUPABASE] = rest
    return operations
