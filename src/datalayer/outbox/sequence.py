"""Whether the sequence of versions was set back: by a backup put in place again, or a standby that lagged behind."""

from __future__ import annotations

from uuid import UUID

from datalayer.errors import ConfigurationError
from datalayer.outbox.entries import version_in_ledger
from datalayer.outbox.tables import LEDGER
from datalayer.query import Select, col, desc
from datalayer.stores.contract import Store
from datalayer.stores.postgres import PostgresStore
from datalayer.stores.sqlite import SqliteStore


async def check_sequence(store: Store, ledger: Store, origin: UUID) -> None:
    """Raise where the ledger knows versions that the outbox's database has not given yet: new writes would be lost.

    Where the sequence cannot be seen, on Supabase over its API, nothing is checked.

    Raises:
        ConfigurationError: says how to advance the sequence, and that the stores have to be compared.
    """
    # In this order: relays may apply new versions meanwhile.
    question = Select(LEDGER, col("origin").eq(origin), order=(desc("version"),), limit=1, columns=("version",))
    rows = await ledger.select(question)
    applied = version_in_ledger(rows[0]["version"]) if rows else 0
    given = await _given(store)
    if given is None or given >= applied:
        return
    advance = (
        f"select setval('datalayer_version', {applied})"
        if isinstance(store, PostgresStore)
        else f"update sqlite_sequence set seq = {applied} where name in ('datalayer_outbox', 'datalayer_marks')"
    )
    raise ConfigurationError(
        f"{store.name} has given versions up to {given}, and {applied} was applied already: it was restored, or taken"
        f" over by a standby that lacked the last writes. Run there: {advance}; then compare every table, since writes"
        " from before this may be owed by nobody: datalayer backfill --resync"
    )


async def _given(store: Store) -> int | None:
    if isinstance(store, PostgresStore):
        row = await store.fetch_one("select last_value from datalayer_version")
        return None if row is None else int(row["last_value"])
    if isinstance(store, SqliteStore):
        return await store.read(
            lambda connection: int(
                connection.execute(
                    "select coalesce(max(seq), 0) from sqlite_sequence"
                    " where name in ('datalayer_outbox', 'datalayer_marks')"
                ).fetchone()[0]
            )
        )
    return None
