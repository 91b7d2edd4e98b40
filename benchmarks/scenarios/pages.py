"""Pages of 100 rows: filtered, and continued after the last row seen."""

from __future__ import annotations

from typing import Any

from advanced_alchemy.filters import LimitOffset, OrderBy
from pydantic import TypeAdapter
from sqlalchemy import and_, or_

from benchmarks import names
from benchmarks.figures import Figure
from benchmarks.mapped import ClientsRepository, MappedClient
from benchmarks.model import Client, Clients
from benchmarks.stage import Stage
from benchmarks.table import COMPANIES, Walk
from benchmarks.turns import Operation, take_turns
from datalayer import asc, col

_ROWS = 100
_VISITS = 50
_FILTERED = "select * from clients where company_id = %s and visits >= %s and phone like %s order by id limit 100"
_KEYSET = (
    "select * from clients where company_id = %s and (visits > %s or (visits = %s and id > %s))"
    " order by visits, id limit 100"
)


async def measure(stage: Stage) -> list[Figure]:
    """Measure both kinds of page."""
    rounds, calls = stage.scale.rounds(25), 8
    return [
        *await take_turns(names.FILTERED_PAGE, _filtered(stage), rounds=rounds, calls=calls),
        *await take_turns(names.KEYSET_PAGE, _keyset(stage), rounds=rounds, calls=calls),
    ]


def _filtered(stage: Stage) -> dict[str, Operation]:
    walk, peers = Walk(stage.scale.rows), stage.peers
    clients, adapter = Clients(stage.store), TypeAdapter(list[Client])

    async def raw() -> Any:
        values = [walk.step() % COMPANIES, _VISITS, "79%"]
        async with peers.raw.connection() as connection:
            return await (await connection.execute(_FILTERED, values, prepare=True)).fetchall()

    async def ours() -> list[Client]:
        where = col("visits").gte(_VISITS) & col("phone").like("79%")
        return await clients.list(where, company_id=walk.step() % COMPANIES, order=(asc("id"),), limit=_ROWS)

    async def alchemy() -> Any:
        wanted = (
            MappedClient.company_id == walk.step() % COMPANIES,
            MappedClient.visits >= _VISITS,
            MappedClient.phone.like("79%"),
        )
        page = (OrderBy("id", "asc"), LimitOffset(_ROWS, 0))
        async with peers.sessions["psycopg"]() as session:
            return await ClientsRepository(session=session).list(*wanted, *page)

    operations: dict[str, Operation] = {names.RAW: raw, names.OURS: ours, names.ALCHEMY: alchemy}
    supabase = peers.supabase
    if supabase is not None:

        async def rest() -> list[Client]:
            question = supabase.table("clients").select("*").eq("company_id", walk.step() % COMPANIES)
            question = question.gte("visits", _VISITS).like("phone", "79%")
            return adapter.validate_python((await question.order("id").limit(_ROWS).execute()).data)

        operations[names.SUPABASE_TYPED] = rest
    return operations


def _keyset(stage: Stage) -> dict[str, Operation]:
    walk, peers = Walk(stage.scale.rows), stage.peers
    clients, adapter = Clients(stage.store), TypeAdapter(list[Client])

    async def raw() -> Any:
        number = walk.step()
        values = [number % COMPANIES, _VISITS, _VISITS, number]
        async with peers.raw.connection() as connection:
            return await (await connection.execute(_KEYSET, values, prepare=True)).fetchall()

    async def ours() -> list[Client]:
        number = walk.step()
        further = col("visits").gt(_VISITS) | (col("visits").eq(_VISITS) & col("id").gt(number))
        order = (asc("visits"), asc("id"))
        return await clients.list(further, company_id=number % COMPANIES, order=order, limit=_ROWS)

    async def alchemy() -> Any:
        number = walk.step()
        further = or_(MappedClient.visits > _VISITS, and_(MappedClient.visits == _VISITS, MappedClient.id > number))
        page = (OrderBy("visits", "asc"), OrderBy("id", "asc"), LimitOffset(_ROWS, 0))
        async with peers.sessions["psycopg"]() as session:
            return await ClientsRepository(session=session).list(further, *page, company_id=number % COMPANIES)

    operations: dict[str, Operation] = {names.RAW: raw, names.OURS: ours, names.ALCHEMY: alchemy}
    supabase = peers.supabase
    if supabase is not None:

        async def rest() -> list[Client]:
            number = walk.step()
            further = f"visits.gt.{_VISITS},and(visits.eq.{_VISITS},id.gt.{number})"
            question = supabase.table("clients").select("*").eq("company_id", number % COMPANIES).or_(further)
            found = await question.order("visits").order("id").limit(_ROWS).execute()
            return adapter.validate_python(found.data)

        operations[names.SUPABASE_TYPED] = rest
    return operations
