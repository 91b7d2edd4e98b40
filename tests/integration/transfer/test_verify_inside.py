"""Comparison inside two PostgreSQL servers: it finds what the canonical one finds."""

from __future__ import annotations

from itertools import cycle

import pytest
from tests.integration.transfer.compared import CHANGED_ROWS, CHANGES, DELETE, KEYS, Called, KeyedBy, make
from tests.integration.transfer.sql import run

from datalayer.stores.postgres import PostgresStore
from datalayer.transfer import VerifiedTable, copy, repair, verify


async def _two_tables(origin: PostgresStore, target: PostgresStore, kind: str) -> KeyedBy:
    for store in (origin, target):
        await make(store, KEYS[kind])
    return KEYS[kind]


async def _only_table(origin: PostgresStore, target: PostgresStore, *, strong: bool = False) -> VerifiedTable:
    (table,) = (await verify(origin, target, limit=100, strong=strong)).tables
    return table


@pytest.mark.parametrize(("strong", "method"), [(False, "inside both servers"), (True, "SHA-256 inside both servers")])
@pytest.mark.parametrize("kind", KEYS)
async def test_equal_tables_are_equal_whatever_their_key(
    origin: PostgresStore, target: PostgresStore, kind: str, strong: bool, method: str
) -> None:
    """Tables filled alike match to the last row, computed inside both servers."""
    await _two_tables(origin, target, kind)
    table = await _only_table(origin, target, strong=strong)
    assert table.equal
    assert table.method == method
    assert str(table) == "t 3,000/3,000 rows match (100 %)"


@pytest.mark.parametrize("strong", [False, True])
@pytest.mark.parametrize("kind", KEYS)
async def test_injected_differences_are_all_found_classed_and_repaired(
    origin: PostgresStore, target: PostgresStore, kind: str, strong: bool
) -> None:
    """Changed rows all over the table are named with their columns and class; a repair makes the tables equal."""
    key = await _two_tables(origin, target, kind)
    changes: dict[str, Called] = {DELETE: ("missing row", ())} | CHANGES
    expected: list[Called] = []
    for (change, called), row in zip(cycle(changes.items()), CHANGED_ROWS, strict=False):
        await run(target, key.change(change, row))
        expected.append(called)
    table = await _only_table(origin, target, strong=strong)
    found = sorted((d.finding, d.columns) for d in table.differences)
    assert found == sorted(expected)
    assert table.differing.rows == len(expected)
    repaired = await repair(origin, target, strong=strong)
    assert repaired.after.equal
    assert [(t.upserted, t.deleted) for t in repaired.tables] == [(len(expected), 0)]


async def test_values_swapped_between_two_rows_are_found(origin: PostgresStore, target: PostgresStore) -> None:
    """Sums of PostgreSQL's own row hashes would not see it: each row's hash is hashed again."""
    await _two_tables(origin, target, "whole number")
    await run(
        target,
        "update t set name = case id when 5 then 'name 6' else 'name 5' end where id in (5, 6);"
        " update t set note = 'x' where id = 7; update t set note = 'y' where id = 8",
    )
    await run(origin, "update t set note = 'y' where id = 7; update t set note = 'x' where id = 8")
    table = await _only_table(origin, target)
    assert [(d.key["id"], d.columns) for d in table.differences] == [
        (5, ("name",)),
        (6, ("name",)),
        (7, ("note",)),
        (8, ("note",)),
    ]


@pytest.mark.parametrize("strong", [False, True])
@pytest.mark.parametrize(
    ("declared", "mine", "theirs"),
    [
        ("int[]", "'{1,2,3,4}'", "'{{1,2},{3,4}}'"),
        ("int[]", "'{{1,2,3},{4,5,6}}'", "'{{1,2},{3,4},{5,6}}'"),
        ("text[]", "'{}'", "null"),
        ("jsonb", "'[[1], 2]'", "'[[1, 2]]'"),
        ("jsonb", "'null'", "null"),
        ("json", "'{\"a\": 1}'", "'{\"a\": 2}'"),
        ("text", "'é'", "'e\u0301'"),
        ("char(5)", "'a'", "'b'"),
        ("interval", "'1 day'", "'24 hours'"),
        ("bigint", "1", "9223372036854775807"),
        ("bigint", "1", "4294967296"),
        ("bigint[]", "'{1}'", "'{4294967296}'"),
        ("timestamp", "'2000-01-01 00:00:00.000001'", "'2000-01-01 01:11:34.967296'"),
        ("timestamptz", "'2000-01-01 00:00:00.000001Z'", "'2000-01-01 01:11:34.967296Z'"),
        ("timestamptz[]", "'{2000-01-01 00:00:00.000001Z}'", "'{2000-01-01 01:11:34.967296Z}'"),
        ("time", "'00:00:00.000001'", "'01:11:34.967296'"),
    ],
)
async def test_lookalikes_are_told_apart(
    origin: PostgresStore, target: PostgresStore, declared: str, mine: str, theirs: str, strong: bool
) -> None:
    """What PostgreSQL's own hash or comparison takes for the same is still a difference where the meaning differs."""
    for store, value in ((origin, mine), (target, theirs)):
        await run(store, f"create table t (id int primary key, v {declared}); insert into t values (1, {value})")
    table = await _only_table(origin, target, strong=strong)
    assert table.method != "canonical"
    assert [d.columns for d in table.differences] == [("v",)]


@pytest.mark.parametrize("strong", [False, True])
@pytest.mark.parametrize(
    ("declared", "mine", "theirs"),
    [
        ("json", '\'{"a": 1, "b": 2}\'', '\'{"b": 2,   "a": 1}\''),
        ("jsonb", "'[1.0]'", "'[1]'"),
        ("numeric", "1.0", "1.00"),
        ("double precision", "-0.0", "0.0"),
    ],
)
async def test_spellings_of_one_value_are_equal(
    origin: PostgresStore, target: PostgresStore, declared: str, mine: str, theirs: str, strong: bool
) -> None:
    """Values that are written differently and mean the same are compared by meaning, and no difference."""
    for store, value in ((origin, mine), (target, theirs)):
        await run(store, f"create table t (id int primary key, v {declared}); insert into t values (1, {value})")
    assert (await _only_table(origin, target, strong=strong)).equal


async def test_kinds_of_one_family_are_compared_by_value(origin: PostgresStore, target: PostgresStore) -> None:
    """Columns that were widened on the way are equal where their values are, keys among them."""
    await run(origin, "create table t (id int primary key, v varchar(9), n smallint, a int[], at timestamp)")
    await run(target, "create table t (id bigint primary key, v text, n bigint, a bigint[], at timestamptz)")
    for store in (origin, target):
        await run(store, "insert into t select n, 'v' || n, n, array[n], '2024-01-01' from generate_series(1, 99) n")
    for strong in (False, True):
        assert (await _only_table(origin, target, strong=strong)).equal
    await run(target, "update t set a = '{{1}}' where id = 1")
    for strong in (False, True):
        assert [d.columns for d in (await _only_table(origin, target, strong=strong)).differences] == [("a",)]


async def test_enums_are_compared_by_their_words(origin: PostgresStore, target: PostgresStore) -> None:
    """Labels created in another order have other numbers inside each server, which must not matter."""
    for store, labels in ((origin, "'a', 'b'"), (target, "'b', 'a'")):
        await run(
            store,
            f"create type label as enum ({labels}); create table t (id int primary key, v label);"
            " insert into t values (1, 'a'), (2, 'b');"
            " create table u (k label primary key, v int); insert into u values ('a', 1), ('b', 2)",
        )
    for strong in (False, True):
        assert (await verify(origin, target, strong=strong)).equal
    await run(target, "drop table u")
    await run(origin, "drop table u")
    await run(target, "update t set v = 'a' where id = 2")
    assert [d.key for d in (await _only_table(origin, target)).differences] == [{"id": 2}]


async def test_key_that_one_side_does_not_keep(origin: PostgresStore, target: PostgresStore) -> None:
    """A target without the key may hold rows twice, or without a key: each is counted."""
    await run(origin, "create table t (id int primary key, v text); insert into t values (1, 'a'), (2, 'b')")
    await run(target, "create table t (id int, v text); insert into t values (1, 'a'), (1, 'a'), (2, 'c'), (null, 'd')")
    table = await _only_table(origin, target)
    assert (table.differing.missing, table.differing.extra, table.differing.changed) == (0, 2, 1)
    assert not (await repair(origin, target)).after.equal


async def test_large_unequal_segments_are_cut_again(origin: PostgresStore, target: PostgresStore) -> None:
    """Keys that crowd in one place, on one side only, are found without holding the table in memory."""
    for store in (origin, target):
        await run(
            store,
            "create table t (id bigint primary key, v int); insert into t values (9000000000000000, 0);"
            " create table u (id text primary key, v int)",
        )
    await run(
        origin,
        "insert into t select n, n from generate_series(1, 50000) n;"
        " insert into u select 'k' || n, n from generate_series(1, 50000) n",
    )
    report = await verify(origin, target, limit=3)
    assert [(t.differing.missing, len(t.differences)) for t in report.tables] == [(50000, 3), (50000, 3)]
    await copy(origin, target)
    await run(target, "update t set v = -1 where id = 777; update u set v = -1 where id = 'k777'")
    report = await verify(origin, target)
    assert [[str(d) for d in t.differences] for t in report.tables] == [
        ["unequal value at id=777 in v"],
        ["unequal value at id=k777 in v"],
    ]
