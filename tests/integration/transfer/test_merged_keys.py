"""Keys that SQLite tells apart and the target does not: rows are merged there, which no copy may keep to itself."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest
from tests.integration.transfer.sql import ask, run

from datalayer.cli.errors import ExitCode, exit_code
from datalayer.errors import TransferError
from datalayer.stores.postgres import PostgresStore
from datalayer.stores.sqlite import SqliteStore
from datalayer.transfer import copy, verify

_UUIDS = """
    create table a (id integer primary key, v text);
    create table b (k uuid primary key, v text);
    create table c (id integer primary key, b uuid references b (k));
    with recursive n (i) as (select 1 union all select i + 1 from n where i < {rows})
        insert into b select printf('abcdef00-0000-0000-0000-%012x', i), 'v' || i from n;
    insert into a values (1, 'one');
    insert into c select 1, upper(k) from b limit 1;
    insert into b select upper(k), 'capitals' from b order by k limit 10
"""


def _make(path: Path, script: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(script)


def _read(path: Path, query: str) -> list[Any]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


@asynccontextmanager
async def _opened(path: Path) -> AsyncIterator[SqliteStore]:
    store = await SqliteStore.open(path)
    try:
        yield store
    finally:
        await store.close()


async def test_two_spellings_of_one_uuid_in_parts_of_their_own_end_the_copy(
    tmp_path: Path, target: PostgresStore
) -> None:
    """The second part is written over the first; so it is in each further run, until the source is mended."""
    file = tmp_path / "shop.sqlite"
    _make(file, _UUIDS.format(rows=60_000))
    async with _opened(file) as source:
        for _ in range(2):
            with pytest.raises(TransferError, match=r"^b: 60,010 rows were written and 60,000 are there: ") as told:
                await copy(source, target)
            assert "the same key (k) for the target" in str(told.value)
            assert (told.value.table, exit_code(told.value), told.value.goes_on_with) == ("b", ExitCode.FAILED, None)
            assert await ask(target, "select to_regclass('datalayer_copy_progress') as kept") == [{"kept": None}]
        assert await ask(target, "select a.v from a, c where a.id = c.id") == [{"v": "one"}]
        references = "select count(*) from pg_constraint where conrelid = 'c'::regclass and contype = 'f'"
        assert await ask(target, references) == [{"count": 1}]
        assert not (await verify(source, target)).equal
        _make(file, "delete from b where v = 'capitals'")
        await copy(source, target)
        assert (await verify(source, target)).equal


async def test_two_spellings_of_one_uuid_in_one_part_are_named(tmp_path: Path, target: PostgresStore) -> None:
    """By the key that they are for the target."""
    _make(tmp_path / "shop.sqlite", _UUIDS.format(rows=20))
    async with _opened(tmp_path / "shop.sqlite") as source:
        with pytest.raises(TransferError, match=r"^b: rows of the source have the same key for the target") as told:
            await copy(source, target)
    assert "at k=abcdef00-0000-0000-0000-000000000001, as two spellings" in str(told.value)
    assert "written twice" not in str(told.value)


async def test_two_spellings_of_one_key_that_is_all_of_a_row_end_the_copy(
    tmp_path: Path, target: PostgresStore
) -> None:
    """PostgreSQL leaves out the second one without a word."""
    key = "abcdef00-0000-0000-0000-000000000001"
    script = f"create table b (k uuid primary key); insert into b values ('{key}'), ('{key.upper()}')"
    _make(tmp_path / "shop.sqlite", script)
    async with _opened(tmp_path / "shop.sqlite") as source:
        with pytest.raises(TransferError, match=r"^b: 2 rows were written and 1 is there: "):
            await copy(source, target)


@pytest.mark.parametrize(
    ("there", "script", "said"),
    [
        (
            "",
            "create table a (k timestamp primary key);"
            "insert into a values ('2024-01-01 10:00:00'), ('2024-01-01T10:00:00')",
            "a: 2 rows were written and 1 is there",
        ),
        (
            "create table a (k text collate nocase primary key, v text)",
            "create table a (k text primary key, v text); insert into a values ('x', 'a'), ('X', 'b'), ('y', 'c')",
            "a: 3 rows were written and 2 are there",
        ),
    ],
)
async def test_keys_that_a_sqlite_target_does_not_tell_apart_end_the_copy(
    tmp_path: Path, there: str, script: str, said: str
) -> None:
    """Time and again, and no progress is left that would skip the table."""
    _make(tmp_path / "from.sqlite", script)
    _make(tmp_path / "to.sqlite", there)
    async with (
        _opened(tmp_path / "from.sqlite") as source,
        _opened(tmp_path / "to.sqlite") as target,
    ):
        for _ in range(2):
            with pytest.raises(TransferError, match=said) as told:
                await copy(source, target)
            assert exit_code(told.value) == ExitCode.FAILED
            assert not (await verify(source, target)).equal
            assert _read(tmp_path / "to.sqlite", "select name from sqlite_master where name like 'datalayer_%'") == []


async def test_rows_of_others_are_no_error(tmp_path: Path, target: PostgresStore) -> None:
    """They make more of them."""
    _make(tmp_path / "shop.sqlite", "create table a (k uuid primary key, v text)")
    _make(tmp_path / "shop.sqlite", "insert into a values ('abcdef00-0000-0000-0000-000000000001', 'one')")
    await run(target, "create table a (k uuid primary key, v text)")

    async with _opened(tmp_path / "shop.sqlite") as source:
        await copy(source, target)
        await run(target, "insert into a values (gen_random_uuid(), 'more')")
        report = await copy(source, target)
    assert [table.rows for table in report.tables] == [1]
