"""Applying files: all or nothing per file, recorded once, refused when edited; the same on both databases."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.integration.migrations.conftest import Migratable, WriteFile

from datalayer import migrations
from datalayer.errors import MigrationError
from datalayer.stores.postgres import PostgresStore
from datalayer.stores.sqlite import SqliteStore


async def tables(store: Migratable) -> set[str]:
    """Return the names of the tables that exist, the record of migrations left out."""
    return set((await store.catalog(refresh=True)).tables) - {migrations.LEDGER_TABLE}


async def states(store: Migratable, directory: Path) -> list[tuple[str, str]]:
    """Return version and state of every line of the status."""
    return [(line.version, line.state) for line in await migrations.status(store, directory)]


async def test_apply_runs_pending_files_in_order_and_records_them(
    store: Migratable, directory: Path, write_file: WriteFile
) -> None:
    """The second file builds on the first, and a second run has nothing to do."""
    write_file("0001_one.sql", "create table one (id integer primary key);")
    write_file("0002_two.sql", "alter table one add column name text; create table two (id integer primary key);")
    applied = await migrations.apply(store, directory)
    assert [(file.version, file.name) for file in applied] == [("0001", "one"), ("0002", "two")]
    assert all(file.duration_seconds > 0 for file in applied)
    assert await tables(store) == {"one", "two"}
    assert await migrations.apply(store, directory) == []


async def test_plan_and_status_change_nothing(store: Migratable, directory: Path, write_file: WriteFile) -> None:
    """Both may be asked of an empty database; not even the record's table is made."""
    write_file("0001_one.sql", "create table one (id integer primary key);")
    assert [file.file_name for file in await migrations.plan(store, directory)] == ["0001_one.sql"]
    assert await states(store, directory) == [("0001", "pending")]
    assert (await store.catalog(refresh=True)).tables == {}


async def test_status_tells_when_and_how_long(store: Migratable, directory: Path, write_file: WriteFile) -> None:
    """An applied file carries an aware moment and its seconds."""
    write_file("0001_one.sql", "create table one (id integer primary key);")
    await migrations.apply(store, directory)
    (line,) = await migrations.status(store, directory)
    assert line.state == "applied"
    assert line.applied_at is not None
    assert line.applied_at.tzinfo is not None
    assert line.duration_seconds is not None


async def test_failing_file_is_rolled_back_and_earlier_ones_stay(
    store: Migratable, directory: Path, write_file: WriteFile
) -> None:
    """The error names file and line; after the file is mended the run goes on where it stopped."""
    write_file("0001_one.sql", "create table one (id integer primary key);")
    bad = write_file(
        "0002_two.sql", "create table two (id integer primary key);\n\ninsert into\n  nowhere values (1);\n"
    )
    write_file("0003_three.sql", "create table three (id integer primary key);")
    with pytest.raises(MigrationError, match=r"0002_two\.sql, line [34]: .*nowhere.*nothing of this file") as caught:
        await migrations.apply(store, directory)
    assert caught.value.version == "0002"
    assert await tables(store) == {"one"}
    assert await states(store, directory) == [("0001", "applied"), ("0002", "pending"), ("0003", "pending")]
    bad.write_text("create table two (id integer primary key);")
    assert [file.version for file in await migrations.apply(store, directory)] == ["0002", "0003"]


async def test_failure_at_commit_is_rolled_back_too(store: Migratable, directory: Path, write_file: WriteFile) -> None:
    """A deferred constraint fails after the last statement; nothing is recorded."""
    write_file(
        "0001_one.sql",
        "create table one (id integer primary key);"
        "create table two (one_id integer references one (id) deferrable initially deferred);"
        "insert into two values (7);",
    )
    with pytest.raises(MigrationError, match=r"0001_one\.sql, at commit: "):
        await migrations.apply(store, directory)
    assert await tables(store) == set()
    assert await states(store, directory) == [("0001", "pending")]


async def test_failure_tells_no_row_values(store: Migratable, directory: Path, write_file: WriteFile) -> None:
    """What a row holds stays out of the message, also where the server quotes it."""
    write_file(
        "0001_one.sql",
        "create table one (phone text unique);\ninsert into one values ('secret');\ninsert into one values ('secret');",
    )
    with pytest.raises(MigrationError, match=r"line 3: ") as caught:
        await migrations.apply(store, directory)
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


async def test_edited_applied_file_is_refused_before_anything_runs(
    store: Migratable, directory: Path, write_file: WriteFile
) -> None:
    """Neither plan nor apply goes on; status shows the file as edited; restoring it is enough."""
    write_file("0001_one.sql", "create table one (id integer primary key);")
    await migrations.apply(store, directory)
    write_file("0001_one.sql", "create table one (id integer primary key, name text);")
    write_file("0002_two.sql", "create table two (id integer primary key);")
    for refused in (migrations.plan, migrations.apply):
        with pytest.raises(MigrationError, match=r"0001_one\.sql was edited .* is recorded, .* is on disk; restore"):
            await refused(store, directory)
    assert await states(store, directory) == [("0001", "edited"), ("0002", "pending")]
    assert await tables(store) == {"one"}
    write_file("0001_one.sql", "create table one (id integer primary key);")
    assert [file.version for file in await migrations.apply(store, directory)] == ["0002"]


async def test_applied_version_without_a_file_is_shown_as_missing(
    store: Migratable, directory: Path, write_file: WriteFile
) -> None:
    """An older program on a newer database starts, and its status says what it does not know."""
    write_file("0001_one.sql", "create table one (id integer primary key);")
    gone = write_file("0002_two.sql", "create table two (id integer primary key);")
    await migrations.apply(store, directory)
    gone.unlink()
    assert await migrations.apply(store, directory) == []
    assert await states(store, directory) == [("0001", "applied"), ("0002", "missing")]


async def test_own_files_are_numbered_apart_from_the_packages(
    store: Migratable, directory: Path, write_file: WriteFile
) -> None:
    """An application's 0001 stands beside the package's 0001, in the same record."""
    write_file("0001_one.sql", "create table one (id integer primary key);")
    own = await migrations.apply(store, directory)
    packaged = await migrations.apply(store)
    assert own[0].version == packaged[0].version == "0001"
    assert await migrations.plan(store) == await migrations.plan(store, directory) == []
    assert {"one", "clients"} <= await tables(store)


async def test_two_applies_in_one_program_take_turns(store: Migratable, directory: Path, write_file: WriteFile) -> None:
    """Of two calls at once each file is applied by one."""
    for number in range(1, 6):
        write_file(f"000{number}_t.sql", f"create table t{number} (id integer primary key);")
    runs = await asyncio.gather(migrations.apply(store, directory), migrations.apply(store, directory))
    assert sorted(file.version for run in runs for file in run) == ["0001", "0002", "0003", "0004", "0005"]


async def test_record_made_by_another_tool_is_not_touched(
    store: Migratable, directory: Path, write_file: WriteFile
) -> None:
    """A schema_migrations table of another make is said, with the way out."""
    write_file("0001_one.sql", "create table one (id integer primary key);")
    if isinstance(store, PostgresStore):
        await store.execute("create table schema_migrations (version text primary key)")
    else:
        await store.run(lambda connection: connection.execute("create table schema_migrations (version text)").close())
    for refused in (migrations.plan, migrations.status, migrations.apply):
        with pytest.raises(MigrationError, match="made by another tool; give datalayer a"):
            await refused(store, directory)


async def test_catalog_of_the_store_knows_the_new_tables(
    store: Migratable, directory: Path, write_file: WriteFile
) -> None:
    """The store that migrated sees changed columns at once."""
    write_file("0001_one.sql", "create table one (id integer primary key);")
    await migrations.apply(store, directory)
    await store.catalog()
    write_file("0002_two.sql", "alter table one add column name text;")
    await migrations.apply(store, directory)
    assert "name" in (await store.catalog()).tables["one"].by_name


async def test_sqlite_file_may_rebuild_a_table_with_foreign_keys_off(
    sqlite: SqliteStore, directory: Path, write_file: WriteFile
) -> None:
    """A non-transactional file may switch foreign keys off and open its own transaction; both end with it."""
    write_file("0001_one.sql", "create table one (id integer primary key); create table two (a references one (id));")
    await migrations.apply(sqlite, directory)
    write_file(
        "0002_rebuild.sql",
        "-- datalayer: non-transactional\npragma foreign_keys = off;\nbegin;\n"
        "create table new (id integer primary key, b);\ninsert into new (id) select id from one;\n"
        "drop table one;\nalter table new rename to one;\ncommit;\n",
    )
    assert [file.version for file in await migrations.apply(sqlite, directory)] == ["0002"]
    assert await sqlite.run(lambda connection: tuple(connection.execute("pragma foreign_keys").fetchone())) == (1,)


async def test_sqlite_transaction_left_open_by_a_failing_file_is_rolled_back(
    sqlite: SqliteStore, directory: Path, write_file: WriteFile
) -> None:
    """The connection comes back to the store clean, and the file is not recorded."""
    write_file(
        "0001_one.sql", "-- datalayer: non-transactional\nbegin;\ncreate table one (id);\nselect * from nowhere;"
    )
    with pytest.raises(MigrationError, match=r"0001_one\.sql, line 4: .*will run again from its first line"):
        await migrations.apply(sqlite, directory)
    assert await tables(sqlite) == set()
    assert await states(sqlite, directory) == [("0001", "pending")]
