"""Before a second store follows: each thing that is missing has a message of its own, and nothing starts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from tests.integration.outbox.conftest import emptied

from datalayer.errors import AccessDeniedError, ConfigurationError, SelectionError
from datalayer.outbox.capture import postgres, sqlite
from datalayer.outbox.checks import check_bookkeeping, check_dual_write
from datalayer.outbox.service_key import check_service_key
from datalayer.servers.postgrest import PostgrestServer
from datalayer.servers.tokens import signed_key
from datalayer.stores.postgres import PostgresStore
from datalayer.stores.sqlite import SqliteStore
from datalayer.stores.supabase import SupabaseStore

_ITEMS = "create table items (id integer primary key, name text)"


@pytest.fixture
async def follower(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    """Lend a SQLite store with one table."""
    store = await SqliteStore.open(tmp_path / "follower.sqlite3")
    await store.run(lambda connection: connection.execute(_ITEMS).close())
    yield store
    await store.close()


@pytest.fixture
async def pair(
    postgres_store: PostgresStore, door: psycopg.Connection, follower: SqliteStore
) -> tuple[PostgresStore, SqliteStore]:
    """Lend two stores that are ready."""
    door.execute(_ITEMS)
    await postgres.install(postgres_store)
    await sqlite.install(follower, [])
    return postgres_store, follower


@pytest.fixture
async def postgres_store(datalayer_database: str) -> AsyncIterator[PostgresStore]:
    """Lend a PostgreSQL store."""
    store = await PostgresStore.open(datalayer_database)
    yield store
    await store.close()


async def test_pair_that_is_ready_passes(pair: tuple[PostgresStore, SqliteStore]) -> None:
    """What is followed is told."""
    assert [table.name for table in await check_dual_write(*pair)] == ["items"]
    assert [table.name for table in await check_dual_write(*pair, ["items"])] == ["items"]


async def test_table_without_a_usable_key_is_named(
    pair: tuple[PostgresStore, SqliteStore], door: psycopg.Connection
) -> None:
    """Named, it is refused with what to do about it."""
    door.execute("create table log (line text)")
    with pytest.raises(SelectionError, match=r"log .*no primary key; add one"):
        await check_dual_write(*pair, ["items", "log"])


async def test_table_without_a_key_is_not_passed_over(
    pair: tuple[PostgresStore, SqliteStore], door: psycopg.Connection
) -> None:
    """Nobody is told that a write is followed which is not: the table is refused, or left out on purpose."""
    door.execute("create table notes (word text)")
    with pytest.raises(ConfigurationError, match=r"notes .* primary key.*DATALAYER_UNFOLLOWED_TABLES=notes"):
        await check_dual_write(*pair)
    assert [table.name for table in await check_dual_write(*pair, left_out=["notes"])] == ["items"]
    with pytest.raises(ConfigurationError, match="UNFOLLOWED_TABLES names noets, and neither store has such a table"):
        await check_dual_write(*pair, left_out=["noets", "notes"])


async def test_table_that_the_follower_lacks_is_named(
    pair: tuple[PostgresStore, SqliteStore], door: psycopg.Connection
) -> None:
    """A write that has nowhere to go is refused at the start, not by a dead letter."""
    door.execute("create table more (id integer primary key)")
    with pytest.raises(ConfigurationError, match=r"no table more; create it"):
        await check_dual_write(*pair)


async def test_primary_keys_that_differ_are_told(
    pair: tuple[PostgresStore, SqliteStore], door: psycopg.Connection
) -> None:
    """A key means its columns in their order: another order is another key."""
    door.execute("create table pairs (a integer, b integer, primary key (a, b))")
    await pair[1].run(
        lambda connection: connection.execute("create table pairs (a int4, b int4, primary key (b, a))").close()
    )
    with pytest.raises(ConfigurationError, match=r"pairs is \(a, b\) .* \(b, a\)"):
        await check_dual_write(*pair)


async def test_missing_ledger_names_the_command(
    pair: tuple[PostgresStore, SqliteStore], door: psycopg.Connection
) -> None:
    """Either store without bookkeeping is told by its name and what to run."""
    await sqlite.uninstall(pair[1])
    with pytest.raises(ConfigurationError, match=r"sqlite has no table .*datalayer outbox install"):
        await check_dual_write(*pair)
    door.execute("drop table datalayer_ledger")
    with pytest.raises(ConfigurationError, match=r"postgres has no table datalayer_ledger.*datalayer outbox install"):
        await check_dual_write(*pair)


async def test_table_without_triggers_is_named(
    pair: tuple[PostgresStore, SqliteStore], door: psycopg.Connection
) -> None:
    """A table that nobody watches would drift silently."""
    door.execute("alter table items disable trigger datalayer_capture_update")
    with pytest.raises(
        ConfigurationError, match=r"items are not captured; run datalayer outbox install --url .\$DATABASE_"
    ):
        await check_dual_write(*pair)


async def test_outdated_script_is_told_apart_from_an_outdated_package(
    pair: tuple[PostgresStore, SqliteStore], door: psycopg.Connection
) -> None:
    """The message says which of the two is behind."""
    door.execute("update datalayer_control set script = 0")
    with pytest.raises(ConfigurationError, match=r"version 0 .* run datalayer outbox install again"):
        await check_dual_write(*pair)
    door.execute("update datalayer_control set script = 99")
    with pytest.raises(ConfigurationError, match=r"version 99 .* upgrade this package"):
        await check_dual_write(*pair)


async def test_one_database_under_two_addresses_is_found_out(
    pair: tuple[PostgresStore, SqliteStore], datalayer_database: str
) -> None:
    """A store cannot follow itself, however it is reached."""
    again = await PostgresStore.open(make_conninfo(datalayer_database, application_name="other"))
    try:
        with pytest.raises(ConfigurationError, match="same database"):
            await check_dual_write(pair[0], again)
    finally:
        await again.close()


async def test_supabase_without_the_script_names_its_own_command(
    pair: tuple[PostgresStore, SqliteStore], rest: PostgrestServer
) -> None:
    """Where the script is wanted it must be there; where calls are captured instead it need not."""
    store = await SupabaseStore.open(rest.url, rest.service_key)
    try:
        with pytest.raises(ConfigurationError, match=r"no table .*datalayer supabase install; .*notify pgrst"):
            await check_dual_write(store, pair[0])
        chosen = await check_dual_write(store, pair[0], ["items"], primary_script=False, key=rest.service_key)
        assert [table.name for table in chosen] == ["items"]
        with pytest.raises(AccessDeniedError, match="role anon"):
            await check_dual_write(store, pair[0], ["items"], primary_script=False, key=rest.anon_key)
    finally:
        await store.close()


async def test_reader_from_whom_row_security_hides_rows_is_refused(
    pair: tuple[PostgresStore, SqliteStore], door: psycopg.Connection, datalayer_database: str
) -> None:
    """Rows that are hidden look deleted: whoever does not see the control row must not read the primary."""
    door.execute("alter table datalayer_control enable row level security")
    role = f"reader_{door.info.dbname}"
    door.execute(f"create role {role}; grant select on all tables in schema public to {role}".encode())
    try:
        reader = await PostgresStore.open(make_conninfo(datalayer_database, options=f"-c role={role}"))
        try:
            with pytest.raises(AccessDeniedError, match=r"row security hides rows.*service role"):
                await check_bookkeeping(reader)
        finally:
            await reader.close()
    finally:
        door.execute(f"drop owned by {role}; drop role {role}".encode())


@pytest.mark.parametrize("key", [signed_key("anon", "x"), signed_key("authenticated", "x"), "sb_publishable_abc"])
def test_key_that_is_not_the_service_role_s_is_refused(key: str) -> None:
    """The role is read from the key, which never shows in the message."""
    with pytest.raises(AccessDeniedError, match="SUPABASE_SERVICE_ROLE_KEY") as caught:
        check_service_key(key)
    assert key not in str(caught.value)


def test_key_that_names_no_role_is_refused_where_nothing_else_tells() -> None:
    """Without the script there is no row that only the service role sees."""
    key = "e30.e30.c2lnbmVk"
    check_service_key(key)
    with pytest.raises(AccessDeniedError, match="names none"):
        check_service_key(key, must_tell=True)
    check_service_key(signed_key("service_role", "secret" * 8), must_tell=True)


@pytest.mark.parametrize("key", [signed_key("service_role", "x"), "sb_secret_abc", "opaque", "a.b.c"])
def test_key_that_may_be_the_service_role_s_passes(key: str) -> None:
    """A key that does not tell its role is left to the canary row."""
    check_service_key(key)


@pytest.fixture
async def rest(outbox_postgrest: PostgrestServer) -> PostgrestServer:
    """Lend a PostgREST whose database has one table, and nothing of ours."""
    emptied(outbox_postgrest)
    with psycopg.connect(outbox_postgrest.dsn, autocommit=True) as connection:
        connection.execute(_ITEMS)
    await asyncio.to_thread(outbox_postgrest.reload_schema)
    return outbox_postgrest
