"""Many rows written at once, of which half exist. Each turn starts from the same table.

Everybody has one connection, on which the same write has been done before: a pool of ten hands out a fresh one each
time, and a server process that has not touched the table yet takes up to three times as long, which would be measured
instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from operator import itemgetter
from typing import Any, Final, TypeAlias

from postgrest import ReturnMethod
from psycopg.types.json import Jsonb
from supabase import AsyncClient

from benchmarks import names
from benchmarks.figures import Figure
from benchmarks.mapped import BulkClientsRepository, MappedBulkClient, upsert
from benchmarks.model import clients_in
from benchmarks.peers import Peers, opened_peers
from benchmarks.stage import Stage
from benchmarks.table import COLUMNS, KEY, as_json_row, as_text_document, client_row, create_table
from benchmarks.turns import Operation, take_turns
from datalayer.query import Upsert
from datalayer.stores.postgres import PostgresStore

Rows: TypeAlias = Sequence[dict[str, Any]]

_NAMES: Final = ", ".join(COLUMNS)
_CHANGED: Final = ", ".join(f"{name} = excluded.{name}" for name in COLUMNS if name not in KEY)
_CONFLICT: Final = f"on conflict ({', '.join(KEY)}) do update set {_CHANGED}"
_EACH: Final = f"insert into clients_bulk ({_NAMES}) values ({', '.join(['%s'] * len(COLUMNS))}) {_CONFLICT}"
_EACH_ASYNCPG: Final = (
    f"insert into clients_bulk ({_NAMES}) values ({', '.join(f'${n}' for n in range(1, len(COLUMNS) + 1))}) {_CONFLICT}"
)
_TEMPORARY: Final = f"create temporary table incoming on commit drop as select {_NAMES} from clients_bulk with no data"
_FROM_TEMPORARY: Final = f"insert into clients_bulk ({_NAMES}) select {_NAMES} from incoming {_CONFLICT}"
_FROM_READY: Final = f"insert into clients_bulk ({_NAMES}) select {_NAMES} from clients_bulk_ready {_CONFLICT}"
_RESET: Final = "truncate clients_bulk; insert into clients_bulk select * from clients_bulk_half"
#: PostgREST takes any number of rows at once, but its answer time and memory grow with them.
_REST_CHUNK_ROWS: Final = 5000
#: Above this what asks the server row by row would take most of a run.
_MOST_ROWS_ONE_BY_ONE: Final = 10_000


async def measure(stage: Stage) -> list[Figure]:
    """Measure every size."""
    figures: list[Figure] = []
    for count in stage.scale.bulk_rows:
        await make_tables(stage, count)
        rows = [client_row(number, visits=1) for number in range(1, count + 1)]
        async with AsyncExitStack() as stack:
            opening = opened_peers(stage.dsn, stage.rest_url, stage.rest_key, connections=1)
            peers = await stack.enter_async_context(opening)
            store = await PostgresStore.open(stage.dsn, max_size=1, timeout=600)
            stack.push_async_callback(store.close)
            figures += await take_turns(
                names.bulk_upsert(count),
                _operations(peers, store, rows),
                rounds=stage.scale.rounds(max(5, 60_000 // count)),
                calls=1,
                baseline=names.EXECUTEMANY,
                before=lambda: reset(stage),
            )
    return figures


async def make_tables(stage: Stage, count: int) -> None:
    """Make the table to write to, and one that keeps every second row of those that will be written."""
    async with stage.store.connection() as connection:
        await connection.execute("drop table if exists clients_bulk, clients_bulk_half, clients_bulk_ready")
        await create_table(connection, "clients_bulk", count)
        await connection.execute(
            "create table clients_bulk_half as select * from clients_bulk where yclients_id % 2 = 0"
        )
        ready = f"create table clients_bulk_ready as select {_NAMES} from clients_bulk order by {', '.join(KEY)}"
        await connection.execute(ready.encode())
        if stage.rest_url is not None:
            await connection.execute("grant all on clients_bulk to service_role; notify pgrst, 'reload schema'")
    await stage.store.catalog(refresh=True)


async def reset(stage: Stage) -> None:
    """Put the table to write to back as it was."""
    async with stage.store.connection() as connection:
        await connection.execute(_RESET)
        await connection.execute("vacuum analyze clients_bulk")


def _operations(peers: Peers, store: PostgresStore, rows: Rows) -> dict[str, Operation]:
    clients = clients_in("clients_bulk")(store)

    async def ours() -> None:
        await clients.sync_many(rows)

    async def ours_as_dicts() -> None:
        await store.upsert(Upsert("clients_bulk", rows, KEY, returning=False))

    operations = {
        names.EXECUTEMANY: _executemany(peers, rows),
        names.BY_HAND: _copy(peers, rows),
        names.SERVER_ALONE: _server_alone(peers),
        names.OURS: ours,
        names.OURS_DICTS: ours_as_dicts,
        "asyncpg executemany": _asyncpg_executemany(peers, rows),
        "asyncpg COPY + temporary table": _asyncpg_copy(peers, rows),
        names.CORE: _core(peers, "psycopg", rows),
        names.CORE_ASYNCPG: _core(peers, "asyncpg", rows),
    }
    if len(rows) <= _MOST_ROWS_ONE_BY_ONE:
        operations[names.ROW_BY_ROW] = _row_by_row(peers, rows)
        operations[names.ALCHEMY] = _alchemy(peers, rows)
    if peers.supabase is not None:
        operations[names.SUPABASE] = _supabase(peers.supabase, rows)
    return operations


def _server_alone(peers: Peers) -> Operation:
    async def operation() -> None:
        async with peers.raw.connection() as connection:
            await connection.execute(_FROM_READY)

    return operation


def _row_by_row(peers: Peers, rows: Rows) -> Operation:
    """Ask for each row and wait for its answer."""

    async def operation() -> None:
        async with peers.raw.connection() as connection, connection.transaction():
            for row in rows:
                await connection.execute(_EACH, _psycopg_values(row), prepare=True)

    return operation


def _executemany(peers: Peers, rows: Rows) -> Operation:
    async def operation() -> None:
        async with peers.raw.connection() as connection, connection.transaction(), connection.cursor() as cursor:
            await cursor.executemany(_EACH, (_psycopg_values(row) for row in rows))

    return operation


def _copy(peers: Peers, rows: Rows) -> Operation:
    async def operation() -> None:
        ordered = sorted(rows, key=itemgetter(*KEY))
        async with peers.raw.connection() as connection, connection.transaction(), connection.cursor() as cursor:
            await cursor.execute(_TEMPORARY)
            async with cursor.copy(f"copy incoming ({_NAMES}) from stdin") as copy:
                for row in ordered:
                    await copy.write_row(_psycopg_values(row))
            await cursor.execute(_FROM_TEMPORARY)

    return operation


def _psycopg_values(row: dict[str, Any]) -> list[Any]:
    return [Jsonb(value) if name == "meta" else value for name, value in row.items()]


def _asyncpg_executemany(peers: Peers, rows: Rows) -> Operation:
    async def operation() -> None:
        async with peers.asyncpg.acquire() as connection:
            await connection.executemany(_EACH_ASYNCPG, [list(row.values()) for row in rows])

    return operation


def _asyncpg_copy(peers: Peers, rows: Rows) -> Operation:
    """A binary COPY has no use for a text codec: the document goes as text and is cast."""
    as_text = "create temporary table incoming on commit drop as select " + _NAMES.replace("meta", "meta::text as meta")
    cast = _FROM_TEMPORARY.replace("meta from incoming", "meta::jsonb from incoming")

    async def operation() -> None:
        records = sorted(map(as_text_document, rows), key=lambda values: values[:2])
        async with peers.asyncpg.acquire() as connection, connection.transaction():
            await connection.execute(f"{as_text} from clients_bulk with no data")
            await connection.copy_records_to_table("incoming", records=records, columns=COLUMNS)
            await connection.execute(cast)

    return operation


def _core(peers: Peers, driver: str, rows: Rows) -> Operation:
    statement = upsert(MappedBulkClient, COLUMNS)

    async def operation() -> None:
        async with peers.engines[driver].begin() as connection:
            await connection.execute(statement, rows)

    return operation


def _alchemy(peers: Peers, rows: Rows) -> Operation:
    async def operation() -> None:
        async with peers.sessions["psycopg"]() as session:
            repository = BulkClientsRepository(session=session, auto_commit=True)
            await repository.upsert_many([MappedBulkClient(**row) for row in rows], match_fields=[*KEY])

    return operation


def _supabase(client: AsyncClient, rows: Rows) -> Operation:
    async def operation() -> None:
        documents = [as_json_row(row) for row in rows]
        for start in range(0, len(documents), _REST_CHUNK_ROWS):
            chunk = documents[start : start + _REST_CHUNK_ROWS]
            table = client.table("clients_bulk")
            await table.upsert(chunk, on_conflict=",".join(KEY), returning=ReturnMethod.minimal).execute()

    return operation
