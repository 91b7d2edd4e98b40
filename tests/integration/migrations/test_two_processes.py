"""Two real processes that migrate one database at once."""

from __future__ import annotations

import asyncio
import signal
from asyncio.subprocess import Process
from pathlib import Path

from tests.integration.migrations.conftest import WriteFile
from tests.integration.migrations.processes import finish, start

from datalayer import migrations
from datalayer.stores.opening import open_store
from datalayer.stores.postgres import PostgresStore


async def reached(process: Process, postgres: PostgresStore, query_like: str, *, waits_for_lock: bool) -> None:
    """Return when a session of the process is at, or was last at, such a query."""
    while not await postgres.fetch_all(
        """
        select from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()
        and query like %s and (wait_event_type = 'Lock') = %s
        """,
        (query_like, waits_for_lock),
    ):
        assert process.returncode is None, "the process ended early"
        await asyncio.sleep(0.02)


async def test_second_process_waits_and_finds_nothing_to_do(
    postgres: PostgresStore, datalayer_database: str, directory: Path, write_file: WriteFile
) -> None:
    """The first is held up in the middle of a file; the second gets its turn after it, and applies nothing."""
    write_file("0001_one.sql", "create table one (id integer primary key);")
    await migrations.apply(postgres, directory)
    write_file("0002_two.sql", "alter table one add column name text;")
    write_file("0003_three.sql", "create table three (id integer primary key);")
    arguments = ("migrate", "up", "--url", datalayer_database, "--dir", str(directory), "--json")
    async with postgres.connection() as blocker, blocker.transaction():
        await blocker.execute("lock table one in access share mode")
        first = await start(*arguments)
        await reached(first, postgres, "alter table one%", waits_for_lock=True)
        second = await start(*arguments)
        await reached(second, postgres, "%pg_try_advisory_lock%", waits_for_lock=False)
    first_answer, second_answer = await asyncio.gather(finish(first), finish(second))
    assert [file["version"] for file in first_answer["applied"]] == ["0002", "0003"]
    assert second_answer["applied"] == []


async def test_waiting_process_does_not_hold_up_a_concurrent_index(
    postgres: PostgresStore, datalayer_database: str, directory: Path, write_file: WriteFile
) -> None:
    """CREATE INDEX CONCURRENTLY waits for every older snapshot: the process that waits for its turn must have none."""
    write_file("0001_one.sql", "create table one (id integer primary key, name text);")
    await migrations.apply(postgres, directory)
    write_file(
        "0002_index.sql", "-- datalayer: non-transactional\ncreate index concurrently one_name_idx on one (name);"
    )
    arguments = ("migrate", "up", "--url", datalayer_database, "--dir", str(directory), "--json")
    async with postgres.connection() as blocker, blocker.transaction():
        await blocker.execute("lock table one in row exclusive mode")
        first = await start(*arguments)
        await reached(first, postgres, "create index concurrently%", waits_for_lock=True)
        second = await start(*arguments)
        await reached(second, postgres, "%pg_try_advisory_lock%", waits_for_lock=False)
    answers = await asyncio.gather(finish(first), finish(second))
    assert [[file["version"] for file in answer["applied"]] for answer in answers] == [["0002"], []]


async def test_interrupted_process_leaves_nothing_and_frees_the_turn(
    postgres: PostgresStore, datalayer_database: str, directory: Path, write_file: WriteFile
) -> None:
    """Ctrl-C in the middle of a file ends with exit code 130; the next run applies the file from its start."""
    write_file("0001_one.sql", "create table one (id integer primary key);")
    await migrations.apply(postgres, directory)
    write_file("0002_two.sql", "create table two (id integer); alter table one add column name text;")
    async with postgres.connection() as blocker, blocker.transaction():
        await blocker.execute("lock table one in access share mode")
        process = await start("migrate", "up", "--url", datalayer_database, "--dir", str(directory))
        await reached(process, postgres, "alter table one%", waits_for_lock=True)
        process.send_signal(signal.SIGINT)
        _, err = await process.communicate()
    assert (process.returncode, err.decode()) == (130, "error: interrupted\n")
    assert [file.version for file in await migrations.apply(postgres, directory, turn_timeout=5)] == ["0002"]


async def test_processes_on_one_sqlite_file_apply_each_file_once(
    sqlite_url: str, directory: Path, write_file: WriteFile
) -> None:
    """Three processes start on an empty file; together they apply every migration exactly once."""
    for number in range(1, 9):
        write_file(f"000{number}_t.sql", f"create table t{number} (id integer primary key);")
    arguments = ("migrate", "up", "--url", sqlite_url, "--dir", str(directory), "--json")
    processes = [await start(*arguments) for _ in range(3)]
    answers = await asyncio.gather(*(finish(process) for process in processes))
    applied = sorted(file["version"] for answer in answers for file in answer["applied"])
    assert applied == [f"000{number}" for number in range(1, 9)]
    store = await open_store(sqlite_url)
    assert {line.state for line in await migrations.status(store, directory)} == {"applied"}
    await store.close()


async def test_packaged_tables_are_made_by_two_processes_at_once(url: str) -> None:
    """Two applications that start together on an empty database both come up."""
    processes = [await start("migrate", "up", "--url", url, "--json") for _ in range(2)]
    answers = await asyncio.gather(*(finish(process) for process in processes))
    applied = [file["version"] for answer in answers for file in answer["applied"]]
    assert len(applied) == len(set(applied)) > 0
    store = await open_store(url)
    assert await migrations.plan(store) == []
    await store.close()
