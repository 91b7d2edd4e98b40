"""Comparison of unlike stores by canonical texts: it finds what there is, wherever each side is hashed."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from itertools import cycle
from pathlib import Path
from unittest.mock import ANY

import pytest
from tests.integration.transfer.compared import CHANGED_ROWS, CHANGES, DELETE, KEYS, Called, make
from tests.integration.transfer.sql import run

from datalayer.stores.postgres import PostgresStore
from datalayer.stores.sqlite import SqliteStore
from datalayer.transfer import VerifiedTable, copy, repair, verify


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Name the SQLite file."""
    return tmp_path / "copy.db"


@pytest.fixture
async def file(path: Path) -> AsyncIterator[SqliteStore]:
    """Lend an empty SQLite file."""
    store = await SqliteStore.open(path)
    yield store
    await store.close()


def _change(path: Path, script: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)


async def _only_table(
    source: PostgresStore, target: PostgresStore | SqliteStore, *, strong: bool = False
) -> VerifiedTable:
    (table,) = (await verify(source, target, limit=100, strong=strong)).tables
    return table


@pytest.mark.parametrize(("strong", "method"), [(False, "canonical"), (True, "canonical, by SHA-256")])
@pytest.mark.parametrize("kind", KEYS)
async def test_postgres_and_its_copy_in_sqlite_are_equal(
    origin: PostgresStore, file: SqliteStore, kind: str, strong: bool, method: str
) -> None:
    """A copy matches to the last row, whatever its key, and both sides show one checksum."""
    await make(origin, KEYS[kind])
    await copy(origin, file)
    table = await _only_table(origin, file, strong=strong)
    assert str(table) == "t 3,000/3,000 rows match (100 %)"
    assert table.method == method
    assert table.source_checksum == table.target_checksum is not None


@pytest.mark.parametrize("kind", KEYS)
async def test_differences_between_unlike_stores_are_found_classed_and_repaired(
    origin: PostgresStore, file: SqliteStore, kind: str
) -> None:
    """Changed rows all over the table are named with columns and class; a repair makes the tables equal."""
    await make(origin, KEYS[kind])
    await copy(origin, file)
    changes: dict[str, Called] = {DELETE: ("extra row", ())} | CHANGES
    expected: list[Called] = []
    for (change, called), row in zip(cycle(changes.items()), CHANGED_ROWS, strict=False):
        await run(origin, KEYS[kind].change(change, row))
        expected.append(called)
    table = await _only_table(origin, file)
    assert await _only_table(origin, file, strong=True) == replace(
        table, method="canonical, by SHA-256", seconds=ANY, source_checksum=ANY, target_checksum=ANY
    )
    assert sorted((d.finding, d.columns) for d in table.differences) == sorted(expected)
    assert table.method == "canonical"
    assert (await repair(origin, file)).after.equal


async def test_a_column_of_another_type_is_compared_inside_both_servers(
    origin: PostgresStore, target: PostgresStore
) -> None:
    """Two servers whose types differ hash the same canonical texts."""
    for store in (origin, target):
        await make(store, KEYS["whole number"])
    await run(target, "alter table t alter id type numeric, alter ok type int using ok::int")
    table = await _only_table(origin, target)
    assert (table.equal, table.method) == (True, "canonical")
    await run(origin, "update t set ok = not ok where id = 17; delete from t where id = 18")
    table = await _only_table(origin, target)
    assert [str(d) for d in table.differences] == ["unequal value at id=17 in ok", "extra row at id=18"]


async def test_documents_that_are_written_differently_are_equal(
    origin: PostgresStore, file: SqliteStore, path: Path
) -> None:
    """Spaces, escapes and the order of members mean nothing, in few rows or in all of them."""
    await run(
        origin,
        "create table t (id int primary key, doc jsonb); insert into t"
        " select n, jsonb_build_object('a', n, 'bb', 1.5, 'c', 'none') from generate_series(1, 2000) n",
    )
    await copy(origin, file)
    _change(path, """update t set doc = '{"bb": 15e-1, "c": "none", "\\u0061": 1999}' where id = 1999""")
    report = await verify(origin, file)
    (table,) = report.tables
    assert (table.equal, table.method) == (True, "canonical")
    assert "written differently" in report.notes[0]
    _change(path, "update t set doc = json_object('bb', 1.50, 'c', 'none', 'a', id)")
    assert (await _only_table(origin, file)).equal
    _change(path, "update t set doc = json_object('bb', 1.25, 'c', 'none', 'a', id) where id = 7")
    assert [str(d) for d in (await _only_table(origin, file)).differences] == ["unequal value at id=7 in doc"]


async def test_tables_where_hashes_do_not_help_are_read_row_by_row(
    origin: PostgresStore, file: SqliteStore, path: Path
) -> None:
    """More documents written differently than are worth a second look each, and the one that differs is still found."""
    await run(
        origin,
        "create table t (id int primary key, doc jsonb); insert into t"
        """ select n, '{"a": 1.0}' from generate_series(1, 12000) n""",
    )
    await copy(origin, file)
    _change(path, """update t set doc = '{"a":1}'; update t set doc = '{"a":2}' where id = 11111""")
    table = await _only_table(origin, file)
    assert table.method == "row by row"
    assert [str(d) for d in table.differences] == ["unequal value at id=11111 in doc"]


async def test_text_with_a_nul_is_a_difference(origin: PostgresStore, file: SqliteStore, path: Path) -> None:
    """SQLite's functions would not see what comes behind a NUL."""
    await run(origin, "create table t (id int primary key, v text); insert into t values (1, 'a'), (2, 'b')")
    await copy(origin, file)
    _change(path, "update t set v = 'a' || char(0) || 'rest' where id = 1")
    table = await _only_table(origin, file)
    assert table.method == "row by row"
    assert [str(d) for d in table.differences] == ["unequal value at id=1 in v"]


async def test_a_database_in_memory_is_compared_too(origin: PostgresStore) -> None:
    """The one connection of a database in memory serves, and is left as it was."""
    memory = await SqliteStore.open(":memory:")
    try:
        await run(origin, "create table t (id int primary key, v float8); insert into t values (1, 0.1), (2, 'NaN')")
        await copy(origin, memory)
        assert (await _only_table(origin, memory)).equal
        await run(origin, "update t set v = 0.2 where id = 1")
        assert not (await _only_table(origin, memory)).equal
    finally:
        await memory.close()


async def test_large_unequal_segments_of_unlike_stores_are_cut_again(
    origin: PostgresStore, file: SqliteStore, path: Path
) -> None:
    """Keys that crowd in one place are found without holding the table in memory."""
    await run(
        origin,
        "create table t (id bigint primary key, v int); insert into t values (4000000000000000000, 0);"
        " insert into t select n, n from generate_series(1, 50000) n;"
        " create table u (id text primary key, v int);"
        " insert into u select 'k' || n, n from generate_series(1, 50000) n",
    )
    await copy(origin, file)
    _change(
        path, "update t set v = -1 where id = 777; update u set v = -1 where id = 'k777'; delete from t where id = 9"
    )
    report = await verify(origin, file)
    assert [[str(d) for d in t.differences] for t in report.tables] == [
        ["missing row at id=9", "unequal value at id=777 in v"],
        ["unequal value at id=k777 in v"],
    ]
    _change(path, "delete from t where id < 4000000000000000000")
    (crowded, _) = (await verify(origin, file)).tables
    assert crowded.differing.missing == 50_000


async def test_keys_that_are_null_or_no_numbers_are_not_lost(
    origin: PostgresStore, file: SqliteStore, path: Path
) -> None:
    """A file that does not keep the key may have rows without one, and rows twice."""
    await run(origin, "create table t (id int primary key, v text); insert into t values (1, 'a'), (2, 'b')")
    _change(path, "create table t (id int, v text); insert into t values (1, 'a'), (1, 'a'), (2, 'c'), (null, 'd')")
    await file.catalog(refresh=True)
    table = await _only_table(origin, file)
    assert (table.differing.missing, table.differing.extra, table.differing.changed) == (0, 2, 1)


@pytest.mark.parametrize(
    ("target", "method"),
    [
        ("create table t (id int primary key, v text)", "canonical"),
        ("create table t (id int primary key, v text) without rowid", "canonical"),
        ("create table t (id int primary key, v text, rowid int, _rowid_ int, oid int)", "canonical"),
        ("pragma encoding = 'UTF-16le'; create table t (id integer primary key, v text)", "row by row"),
    ],
    ids=["a key beside the row id", "no row id", "a hidden row id", "two bytes to a character"],
)
async def test_tables_of_sqlite_that_others_have_made_are_compared(
    origin: PostgresStore, path: Path, target: str, method: str
) -> None:
    """However their rows are found, all are hashed once; the keys here come in no order."""
    await run(
        origin,
        "create table t (id int primary key, v text);"
        " insert into t select n * 7919 % 20011, 'v;' || n || E'\\n:1' || chr(1) from generate_series(1, 20000) n",
    )
    _change(path, target)
    store = await SqliteStore.open(path, timeout=60)
    try:
        await repair(origin, store)
        table = await _only_table(origin, store)
        assert (table.equal, table.target_rows, table.method) == (True, 20_000, method)
        _change(path, "update t set v = v || ' ' where id in (1, 5000, 20010); delete from t where id = 77")
        assert [str(d) for d in (await _only_table(origin, store)).differences] == [
            "unequal value at id=1 in v",
            "missing row at id=77",
            "unequal value at id=5000 in v",
            "unequal value at id=20010 in v",
        ]
    finally:
        await store.close()


@pytest.mark.parametrize("kind", ["whole number", "text"])
async def test_a_value_that_has_no_text_is_met_in_the_middle_of_a_page(
    origin: PostgresStore, file: SqliteStore, path: Path, kind: str
) -> None:
    """One value that SQLite would spell wrongly makes the whole table be read; it is the only one that differs."""
    await make(origin, KEYS[kind])
    await copy(origin, file)
    where = KEYS[kind].at.format(n=1777)
    _change(path, f"update t set name = name || char(0) where {where}")
    table = await _only_table(origin, file)
    assert table.method == "row by row"
    assert [(d.finding, d.columns) for d in table.differences] == [("unequal value", ("name",))]


async def test_wide_rows_are_compared(origin: PostgresStore, file: SqliteStore, path: Path) -> None:
    """Rows that are too wide for a page of many, and one that is too wide for any page."""
    await run(
        origin,
        "create table t (id int primary key, v text); insert into t select n, 'narrow' from generate_series(1, 3000) n;"
        " insert into t select n, repeat('wide ', 100000) || n from generate_series(3001, 3040) n;"
        " insert into t values (3041, repeat('wider', 4000000)), (3042, 'narrow')",
    )
    await copy(origin, file)
    table = await _only_table(origin, file)
    assert (table.equal, table.method, table.target_rows) == (True, "canonical", 3042)
    _change(path, "update t set v = v || '!' where id in (3007, 3041)")
    assert [str(d) for d in (await _only_table(origin, file)).differences] == [
        "unequal value at id=3007 in v",
        "unequal value at id=3041 in v",
    ]
