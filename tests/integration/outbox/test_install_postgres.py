"""PostgreSQL: an install arms tables, says what it cannot do, and leaves nothing behind when it is taken back."""

from __future__ import annotations

from uuid import UUID

import psycopg
import pytest
from tests.integration.outbox.writes import ITEMS, TABLES, entries

from datalayer.errors import ConfigurationError, SelectionError, StoreTimeoutError
from datalayer.layer.cohort_registry import CohortRegistry
from datalayer.outbox.capture import postgres as capture
from datalayer.outbox.capture.status import Interference
from datalayer.stores.postgres import PostgresStore


async def test_install_arms_every_table_once_and_again_changes_nothing(
    postgres: PostgresStore, door: psycopg.Connection
) -> None:
    """An install may be run at any time; the second finds nothing to do and keeps the database's identity."""
    door.execute(ITEMS)
    first = await capture.install(postgres)
    second = await capture.install(postgres)
    assert (first.armed, second.armed, first.settled) == (("items",), (), True)
    assert isinstance(first.status.id, UUID)
    assert first.status == second.status
    assert first.status.is_current
    assert first.status.missing == first.status.outdated == ()


async def test_install_waits_for_transactions_that_began_before(
    postgres: PostgresStore, door: psycopg.Connection
) -> None:
    """A backfill that starts after the install reads everything that was written without an entry."""
    door.execute(ITEMS + "; create table others (id int primary key)")
    with door.transaction():
        door.execute("insert into others values (1)")
        told = await capture.install(postgres, ["items"], settle_timeout=0.2)
        assert (told.armed, told.settled) == (("items",), False)
        with pytest.raises(StoreTimeoutError, match="others"):
            await capture.install(postgres, ["others"], lock_timeout=0.2)
    told = await capture.install(postgres, ["others"])
    assert (told.armed, told.settled) == (("others",), True)


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ("create table t (a int)", "no primary key"),
        ("create table t (a double precision primary key)", "double precision"),
        ("create table t (a jsonb primary key)", "jsonb"),
        ("create table t (a int[] primary key)", "integer\\[\\]"),
        ("create table t (a interval primary key)", "interval"),
    ],
)
async def test_table_without_a_usable_key_is_refused_by_name(
    postgres: PostgresStore, door: psycopg.Connection, table: str, reason: str
) -> None:
    """The message names the table and says what to do; nothing of it is armed."""
    door.execute(table.encode())
    with pytest.raises(SelectionError, match=f"\\bt\\b.*{reason}.*leave"):
        await capture.install(postgres, ["t"])
    assert door.execute("select count(*) from pg_trigger where tgname like 'datalayer%'").fetchone() == (0,)


async def test_deferrable_primary_key_is_refused(door: psycopg.Connection, postgres: PostgresStore) -> None:
    """Two transactions may hold one such key at a time, and their versions need not follow their commits."""
    door.execute("create table late (id integer primary key deferrable initially deferred)")
    with pytest.raises(SelectionError, match=r"late .*add one that is not deferrable"):
        await capture.install(postgres, ["late"])
    await capture.install(postgres, [])
    with pytest.raises(psycopg.errors.FeatureNotSupported, match="late cannot be followed: its primary key is defer"):
        door.execute("select datalayer_arm('late')")


async def test_unknown_table_is_refused_before_anything_is_made(
    postgres: PostgresStore, door: psycopg.Connection
) -> None:
    """A misspelt name installs nothing."""
    with pytest.raises(SelectionError, match="itemz"):
        await capture.install(postgres, ["itemz"])
    assert not (await capture.status(postgres)).installed


async def test_newer_script_in_the_database_is_not_overwritten(
    postgres: PostgresStore, door: psycopg.Connection
) -> None:
    """An older package must not undo a newer one's install."""
    await capture.install(postgres)
    door.execute("update datalayer_control set script = 99")
    with pytest.raises(ConfigurationError, match=r"version 99.*upgrade"):
        await capture.install(postgres)


async def test_status_names_what_would_make_applied_rows_differ(
    postgres: PostgresStore, door: psycopg.Connection
) -> None:
    """A trigger of the user's own is told, unless it knows of applied rows or looks at TRUNCATE alone."""
    door.execute(ITEMS)
    door.execute("""
        create function touch() returns trigger language plpgsql
            as 'begin new.name := upper(new.name); return new; end';
        create trigger loud before insert or update on items for each row execute function touch();
        create trigger quiet before update on items for each row
            when (current_setting('datalayer.applying', true) is distinct from 'on') execute function touch();
        create trigger cut after truncate on items execute function touch();
    """)
    told = await capture.install(postgres)
    assert told.status.interfering == (Interference("items", "loud"),)


async def test_status_tells_a_renamed_table_and_a_trigger_that_is_off(
    postgres: PostgresStore, door: psycopg.Connection
) -> None:
    """Entries under an old name would be lost on the relay; an install puts it right and leaves nothing behind."""
    door.execute(ITEMS + "; create table others (id int primary key)")
    await capture.install(postgres)
    door.execute("alter table items rename to goods; alter table others disable trigger datalayer_capture")
    told = await capture.status(postgres)
    assert (told.armed, told.outdated, told.is_current) == ((), ("goods", "others"), False)
    told = (await capture.install(postgres)).status
    assert (told.armed, told.outdated) == (("goods", "others"), ())
    door.execute("insert into goods (name) values ('a')")
    assert entries(door) == [("goods", "[1]", "upsert")]
    functions = door.execute(
        "select count(*) from pg_proc where prorettype = 'trigger'::regtype and proname like 'datalayer%'"
    ).fetchone()
    assert functions == (2,)


async def test_install_renews_the_triggers_of_an_older_script(
    postgres: PostgresStore, door: psycopg.Connection
) -> None:
    """What an older package left is told, and replaced also where nothing is to be armed: a fence needs them there."""
    door.execute(ITEMS + "; create table others (id int primary key)")
    await capture.install(postgres, ["items"])
    door.execute("drop trigger datalayer_capture_fence on items; update datalayer_control set script = 1")
    told = await capture.status(postgres)
    assert (told.outdated, told.is_current) == (("items",), False)
    told = (await capture.install(postgres, [])).status
    assert (told.armed, told.missing, told.is_current) == (("items",), ("others",), True)


async def test_held_deletes_are_looked_for_by_an_index(postgres: PostgresStore, door: psycopg.Connection) -> None:
    """Relays ask every few seconds, however many entries wait; a second install makes the index on an older one."""
    await capture.install(postgres, ())
    door.execute("drop index datalayer_outbox_held")
    await capture.install(postgres, ())
    door.execute(
        "insert into datalayer_outbox (aggregatetype, aggregateid, type)"
        " select 'pairs', n::text, 'upsert' from generate_series(1, 20000) n"
    )
    door.execute("analyze datalayer_outbox")
    asked = (
        "explain select aggregatetype from datalayer_outbox where version is not null and error = 'DeletesHeld'"
        " order by aggregatetype limit 1"
    )
    assert any("datalayer_outbox_held" in line for (line,) in door.execute(asked.encode()))


async def test_uninstall_leaves_nothing_behind(postgres: PostgresStore, door: psycopg.Connection) -> None:
    """Tables, functions, triggers and the sequence are gone; the user's rows stay."""
    door.execute(TABLES)
    door.execute(
        "create table part (id int primary key) partition by range (id);"
        " create table part_1 partition of part for values from (0) to (9)"
    )
    await capture.install(postgres)
    await CohortRegistry(postgres).prepare()
    door.execute("insert into pairs values (1, 'a', 1)")
    assert await capture.uninstall(postgres)
    assert not await capture.uninstall(postgres)
    left = door.execute("""
        select proname::text from pg_proc where proname like 'datalayer%'
        union all select relname from pg_class where relname like 'datalayer%'
        union all select tgname from pg_trigger where tgname like 'datalayer%'
    """).fetchall()
    assert left == []
    assert door.execute("select count(*) from pairs").fetchone() == (1,)
