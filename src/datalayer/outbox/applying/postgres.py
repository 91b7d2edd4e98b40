"""One batch applied to PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

import psycopg

from datalayer.outbox.applying import statements
from datalayer.outbox.applying.order import Step, by_table, plan
from datalayer.outbox.applying.parking import park
from datalayer.outbox.entries import Change
from datalayer.outbox.keys import encode_key
from datalayer.query import Row, Upsert
from datalayer.stores.catalog import Catalog, Column, Table
from datalayer.stores.postgres import PostgresStore
from datalayer.stores.postgres.errors import translate
from datalayer.stores.postgres.session import PostgresSession
from datalayer.stores.postgres.values import fits_json_records, json_records

#: Rows are locked in one order, so that two applies of the same keys wait for each other and do not deadlock.
_ADVANCE: Final = """
    insert into datalayer_ledger as ledger (origin, aggregatetype, aggregateid, version)
    select %(origin)s, seen.name, seen.key, seen.version
    from unnest(%(names)s::text[], %(keys)s::text[], %(versions)s::bigint[]) as seen (name, key, version)
    order by seen.name collate "C", seen.key collate "C"
    on conflict (origin, aggregatetype, aggregateid) do update set version = excluded.version
        where ledger.version < excluded.version
    returning aggregatetype, aggregateid
"""
#: Entries are settled on the primary once the commit is answered, so it must be on the disk by then.
_QUIETLY: Final = (
    "select set_config('datalayer.applying', 'on', true), set_config('synchronous_commit', case"
    " current_setting('synchronous_commit') when 'off' then 'on' else current_setting('synchronous_commit') end, true)"
)


async def apply_in_transaction(
    store: PostgresStore,
    catalog: Catalog,
    origin: UUID,
    changes: Sequence[Change],
    timeout: float | None,
    *,
    parking: bool,
) -> int:
    """Advance the ledger and write what it had not seen; return how many changes that were."""
    async with store.transaction(timeout=timeout) as transaction:
        await transaction.fetch_one(_QUIETLY, timeout=timeout)
        fresh = await _advanced(transaction, catalog, origin, changes, timeout)
        if fresh:
            await transaction.execute("set constraints all deferred", timeout=timeout)
            await _write(transaction, catalog, by_table(fresh), timeout, parking=parking)
    return len(fresh)


async def _advanced(
    transaction: PostgresSession, catalog: Catalog, origin: UUID, changes: Sequence[Change], timeout: float | None
) -> list[Change]:
    """Advance the ledger and return the changes that it had not seen, in the order given.

    Whoever gives a unique value up may come before the one who takes it.
    """
    keyed = {(change.table, encode_key(catalog.tables[change.table], change.key)): change for change in changes}
    seen = {
        "origin": origin,
        "names": [name for name, _ in keyed],
        "keys": [key for _, key in keyed],
        "versions": [change.version for change in keyed.values()],
    }
    advanced = await transaction.fetch_all(_ADVANCE, seen, timeout=timeout)
    fresh = {(row["aggregatetype"], row["aggregateid"]) for row in advanced}
    return [change for key, change in keyed.items() if key in fresh]


async def _write(
    transaction: PostgresSession,
    catalog: Catalog,
    changes: Mapping[str, list[Change]],
    timeout: float | None,
    *,
    parking: bool,
) -> None:
    steps = plan(catalog, changes)
    for step in steps:
        if step.kind != "upsert":
            await _remove(transaction, step, timeout)
    if parking:
        await park(transaction, catalog, changes)
    for step in steps:
        if step.kind == "upsert":
            await _upsert(transaction, step.table, step.rows, timeout)


async def _remove(transaction: PostgresSession, step: Step, timeout: float | None) -> None:
    table = step.table
    statement = statements.clear_records(table, step.columns) if step.columns else statements.delete_records(table)
    key = [table.by_name[name] for name in table.primary_key]
    await _send(transaction, table, statement, step.rows, key, timeout)


async def _upsert(transaction: PostgresSession, table: Table, rows: Sequence[Row], timeout: float | None) -> None:
    """Write complete rows in one statement: foreign keys within the table are checked at its end."""
    shape = tuple(rows[0])
    columns = [table.by_name[name] for name in shape]
    if not fits_json_records(columns):
        await transaction.upsert(Upsert(table.name, rows, table.primary_key, returning=False), timeout=timeout)
        return
    await _send(transaction, table, statements.upsert_records(table, shape), rows, columns, timeout)


async def _send(
    transaction: PostgresSession,
    table: Table,
    statement: str,
    rows: Sequence[Row],
    columns: Sequence[Column],
    timeout: float | None,
) -> None:
    try:
        records = json_records(rows, columns).decode()
    except psycopg.DataError as error:
        failure = translate(error, operation="apply", table=table.name)
    else:
        ends = transaction.ends(timeout)
        await transaction.run("apply", table.name, statement.encode(), [records], ends, has_rows=False, writes=True)
        return
    raise failure
