"""Tables without a key: rows are equal where all of their values are, and counted."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.integration.transfer.sql import ask, run

from datalayer.errors import TransferError
from datalayer.stores.postgres import PostgresStore
from datalayer.stores.sqlite import SqliteStore
from datalayer.transfer import copy, plan_copy, verify
from datalayer.transfer.reports import Progress

_LOOSE = """
    create type mood as enum ('sad', 'glad');
    create table loose (
        n int, word text, doc json, mood mood, span interval, amount numeric, ratio double precision, spots point,
        at timestamp, words text[], moods mood[]
    )
"""
_ROWS = """
    insert into loose values
        (1, 'a', '{"a":  1}', 'sad', '1 day', 1.5, 'NaN', '(1,2)', '2024-01-01', '{a,NULL}', '{sad}'),
        (1, 'a', '{"a":  1}', 'sad', '1 day', 1.5, 'NaN', '(1,2)', '2024-01-01', '{a,NULL}', '{sad}'),
        (null, null, null, null, null, null, null, null, null, null, null),
        (null, null, null, null, null, null, null, null, null, null, null),
        (null, null, null, null, null, null, null, null, null, null, null),
        (2, '', '[]', 'glad', null, 2, '-Infinity', null, '2024-01-01 00:00:00.5', '{}', '{}')
"""


@pytest.fixture
async def file(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    """Lend an empty SQLite file."""
    store = await SqliteStore.open(tmp_path / "file.sqlite")
    yield store
    await store.close()


async def _counts(store: PostgresStore) -> list[int]:
    rows = await ask(store, "select n, count(*) from loose group by n order by n")
    return [row["count"] for row in rows]


async def test_copy_adds_each_row_as_often_as_it_lacks(origin: PostgresStore, target: PostgresStore) -> None:
    """What is there counts, NULLs too; rows that only the target has stay; a second copy adds nothing."""
    await run(origin, _LOOSE + ";" + _ROWS)
    await run(target, _LOOSE + ";" + _ROWS + "; delete from loose where n = 2")
    await run(target, "delete from loose where ctid = (select min(ctid) from loose where n = 1)")
    plan = await plan_copy(origin, target)
    assert "then the missing rows, by all of their values" in plan.tables[0].method
    report = await copy(origin, target)
    assert any("loose has no key: another copy adds the missing rows" in note for note in report.notes)
    assert await _counts(target) == [2, 1, 3]
    assert (await verify(origin, target)).equal
    await run(target, "insert into loose (n) values (7), (7)")
    await copy(origin, target)
    assert await _counts(target) == [2, 1, 2, 3]
    verified = await verify(origin, target)
    assert verified.tables[0].differing.extra == 2


async def test_copy_into_sqlite_adds_what_lacks(origin: PostgresStore, file: SqliteStore) -> None:
    """The same where there is no EXCEPT ALL; equal values that are spelt differently are one."""
    await run(origin, _LOOSE + ";" + _ROWS)
    await copy(origin, file)
    await file.run(lambda c: c.execute("delete from loose where n = 2 or rowid = 1").close())
    await file.run(lambda c: c.execute("update loose set amount = '1.50', doc = '{ \"a\": 1 }' where n = 1").close())
    plan = await plan_copy(origin, file)
    assert "then the missing rows, by all of their values" in plan.tables[0].method
    await copy(origin, file)
    assert (await verify(origin, file)).equal
    await copy(origin, file)
    assert (await verify(origin, file)).equal


async def test_copy_without_a_key_leaves_triggers_and_broken_references_out(
    tmp_path: Path, target: PostgresStore, file: SqliteStore
) -> None:
    """Triggers do not fire for added rows, and a row that does not fit leaves nothing behind."""
    path = tmp_path / "source.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            "create table t (n integer, w text); insert into t values (1, 'a'), (1, 'a'), (2, 'b')"
        )
    await file.run(
        lambda c: c.executescript(
            "create table t (n integer, w text); create table heard (n);"
            "create trigger hear after insert on t begin insert into heard values (new.n); end;"
            "insert into t values (1, 'a')"
        ).close()
    )
    await run(target, "create table t (n bigint, w text); insert into t values (1, 'a')")
    source = await SqliteStore.open(path)
    try:
        for store in (file, target):
            await copy(source, store, tables=["t"])
            assert (await verify(source, store, tables=["t"])).equal
        assert await file.run(lambda c: c.execute("select count(*) from heard").fetchone()[0]) == 1
        await source.run(lambda c: c.executescript("insert into t values (3, 'c'), ('secret', 'd')").close())
        for store in (file, target):
            with pytest.raises(TransferError, match=r"t\.n cannot be read.* at row 5 of part 1"):
                await copy(source, store, tables=["t"])
        assert await ask(target, "select count(*) from t") == [{"count": 3}]
        assert await file.run(lambda c: c.execute("select count(*) from t").fetchone()[0]) == 3
    finally:
        await source.close()


class Stop(Exception):  # noqa: N818 - a test's own way out
    """Ends a copy in its middle."""


@pytest.mark.parametrize("into", ["postgres", "sqlite"])
async def test_broken_copy_over_rows_without_a_key_ends_equal(
    origin: PostgresStore, target: PostgresStore, file: SqliteStore, into: str
) -> None:
    """It is one transaction: a run that breaks off leaves what was there, the next one brings everything."""
    store = target if into == "postgres" else file
    await run(
        origin, "create table t (n int, w text); insert into t select n % 5000, 'w' from generate_series(1, 20000) n"
    )
    await copy(origin, store, tables=["t"])
    await run(origin, "insert into t select n % 5000, 'w' from generate_series(1, 20000) n")

    def stop(progress: Progress) -> None:
        if progress.rows > 10_000:
            raise Stop

    with pytest.raises(Stop):
        await copy(origin, store, tables=["t"], on_progress=stop)
    assert (await verify(origin, store, tables=["t"])).tables[0].target_rows == 20_000
    await copy(origin, store, tables=["t"])
    assert (await verify(origin, store, tables=["t"])).equal
