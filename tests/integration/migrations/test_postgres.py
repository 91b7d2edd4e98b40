"""What only PostgreSQL has: files outside of a transaction, locks, notices, a lost connection."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from psycopg.conninfo import make_conninfo
from tests.integration.migrations.conftest import WriteFile

from datalayer import migrations
from datalayer.errors import AccessDeniedError, MigrationError, UnavailableError
from datalayer.query import Row
from datalayer.stores.postgres import PostgresStore


async def indexes(postgres: PostgresStore) -> set[str]:
    """Return the names of valid indexes of the public schema."""
    rows = await postgres.fetch_all(
        "select c.relname from pg_index i join pg_class c on c.oid = i.indexrelid"
        " where i.indisvalid and c.relnamespace = 'public'::regnamespace"
    )
    return {row["relname"] for row in rows}


async def test_non_transactional_file_runs_statement_by_statement(
    postgres: PostgresStore, directory: Path, write_file: WriteFile
) -> None:
    """CREATE INDEX CONCURRENTLY works there, and its failure elsewhere says how to mark the file."""
    write_file("0001_one.sql", "create table one (id integer primary key, name text);")
    index = write_file("0002_index.sql", "create index concurrently one_name_idx on one (name);")
    with pytest.raises(MigrationError, match="first line of the file: -- datalayer: non-transactional"):
        await migrations.apply(postgres, directory)
    index.write_text(
        "-- datalayer: non-transactional\ncreate index concurrently one_name_idx on one (name);\nvacuum one;\n"
    )
    assert [file.version for file in await migrations.apply(postgres, directory)] == ["0002"]
    assert "one_name_idx" in await indexes(postgres)


async def test_non_transactional_file_that_fails_keeps_what_ran_and_runs_again(
    postgres: PostgresStore, directory: Path, write_file: WriteFile
) -> None:
    """The error says that earlier statements stay; the file is recorded only after its last statement."""
    write_file("0001_one.sql", "create table one (id integer primary key, name text);")
    marker = "-- datalayer: non-transactional\n"
    repeatable = "create index concurrently if not exists one_name_idx on one (name);\n"
    file = write_file("0002_index.sql", f"{marker}{repeatable}begin;\nselect nothing;\n")
    with pytest.raises(MigrationError, match=r"0002_index\.sql, line 4: .* will run again from its first line"):
        await migrations.apply(postgres, directory)
    assert "one_name_idx" in await indexes(postgres)
    file.write_text(marker + repeatable)
    assert [applied.version for applied in await migrations.apply(postgres, directory)] == ["0002"]


async def test_busy_table_ends_the_file_after_the_lock_timeout(
    postgres: PostgresStore, directory: Path, write_file: WriteFile
) -> None:
    """A migration does not queue in front of the application for ever; the message says what to do."""
    write_file("0001_one.sql", "create table one (id integer primary key);")
    await migrations.apply(postgres, directory)
    write_file("0002_two.sql", "alter table one add column name text;")
    async with postgres.connection() as blocker, blocker.transaction():
        await blocker.execute("lock table one in access share mode")
        with pytest.raises(MigrationError, match=r"0002_two\.sql, line 1: .*a table is in use"):
            await migrations.apply(postgres, directory, lock_timeout=0.05)
    assert len(await migrations.apply(postgres, directory)) == 1


async def test_waiting_for_the_turn_ends_at_its_timeout(
    postgres: PostgresStore, directory: Path, write_file: WriteFile
) -> None:
    """A process that hangs with the turn in its hand does not hang all others."""
    write_file("0001_one.sql", "create table one (id integer primary key);")
    await migrations.apply(postgres, directory)
    write_file("0002_two.sql", "alter table one add column name text;")
    async with postgres.connection() as blocker, blocker.transaction():
        await blocker.execute("lock table one in access share mode")
        first = asyncio.create_task(migrations.apply(postgres, directory))
        await _holder_of_the_turn(postgres)
        with pytest.raises(MigrationError, match=r"another process has been migrating this database for 0\.1 s"):
            await migrations.apply(postgres, directory, turn_timeout=0.1)
    assert len(await first) == 1


async def test_session_comes_back_with_its_own_timeouts(
    datalayer_database: str, directory: Path, write_file: WriteFile
) -> None:
    """Neither kind of file leaves its timeouts, nor the lock, on the pooled connection."""
    write_file("0001_one.sql", "create table one (id integer primary key);")
    write_file("0002_two.sql", "-- datalayer: non-transactional\nvacuum one;")
    store = await PostgresStore.open(datalayer_database, max_size=1)
    async with store.connection() as connection:
        await connection.execute("set statement_timeout = '7s'")
        await connection.execute("set lock_timeout = '3s'")
    await migrations.apply(store, directory)
    row = await store.fetch_one(
        "select current_setting('statement_timeout') as statements, current_setting('lock_timeout') as locks,"
        " (select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()) as held"
    )
    assert row == {"statements": "7s", "locks": "3s", "held": 0}
    await store.close()


async def test_notices_of_a_file_are_handed_back(
    postgres: PostgresStore, directory: Path, write_file: WriteFile
) -> None:
    """What a file says by RAISE NOTICE is part of its result."""
    write_file("0001_one.sql", "do $$ begin raise notice 'left out: %', 'a thing'; end $$;")
    (applied,) = await migrations.apply(postgres, directory)
    assert applied.notices == ("left out: a thing",)


async def test_error_raised_by_a_file_is_told_in_its_own_words(
    postgres: PostgresStore, directory: Path, write_file: WriteFile
) -> None:
    """A file may check something and stop with RAISE EXCEPTION."""
    write_file("0001_one.sql", "do $$ begin raise exception 'remove the duplicates first'; end $$;")
    with pytest.raises(MigrationError, match="remove the duplicates first"):
        await migrations.apply(postgres, directory)


async def test_existing_table_is_told_with_the_way_out(
    postgres: PostgresStore, directory: Path, write_file: WriteFile
) -> None:
    """A table that a copy or a hand made before the migration is not taken for ours."""
    await postgres.execute("create table one (id integer primary key)")
    write_file("0001_one.sql", "create table one (id integer primary key);")
    with pytest.raises(MigrationError, match=r"made by other means.*migrate, then copy"):
        await migrations.apply(postgres, directory)


async def test_lost_connection_is_unavailable_and_the_next_run_goes_on(
    postgres: PostgresStore, directory: Path, write_file: WriteFile
) -> None:
    """When the server ends the session half-way nothing of the file stays, and the turn is free."""
    file = write_file("0001_one.sql", "create table one (id integer);\nselect pg_terminate_backend(pg_backend_pid());")
    with pytest.raises(UnavailableError):
        await migrations.apply(postgres, directory)
    file.write_text("create table one (id integer);")
    assert len(await migrations.apply(postgres, directory)) == 1


async def test_role_without_the_right_to_create_is_denied(
    postgres: PostgresStore, directory: Path, write_file: WriteFile
) -> None:
    """The record cannot be made: the error is the one for missing rights."""
    write_file("0001_one.sql", "create table one (id integer);")
    async with postgres.connection() as connection:
        await connection.execute("revoke create on schema public from public")
    denied = await PostgresStore.open(await _dsn_of_weak_role(postgres))
    try:
        with pytest.raises(AccessDeniedError):
            await migrations.apply(denied, directory)
    finally:
        await denied.close()
        await postgres.execute("drop owned by datalayer_weak")
        await postgres.execute("drop role datalayer_weak")


async def _holder_of_the_turn(postgres: PostgresStore) -> None:
    """Return when some session has the advisory lock."""
    held: list[Row] = []
    while not held:
        held = await postgres.fetch_all("select from pg_locks where locktype = 'advisory' and granted")


async def _dsn_of_weak_role(postgres: PostgresStore) -> str:
    """Make a role without rights and return the DSN that logs in as it."""
    await postgres.execute("create role datalayer_weak login password 'weak'")
    async with postgres.connection() as connection:
        return make_conninfo(connection.info.dsn, user="datalayer_weak", password="weak")
