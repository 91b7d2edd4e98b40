"""What verify finds, and what it takes for the same."""

from __future__ import annotations

from tests.integration.transfer.sql import run

from datalayer.stores.postgres import PostgresStore
from datalayer.transfer import Difference, copy, verify


async def test_verify_names_table_key_and_columns_of_differences(origin: PostgresStore, target: PostgresStore) -> None:
    """Changed, missing and extra rows are named by key and column, without values."""
    await run(
        origin,
        'create table t (a int, "B b" text, note text, n numeric, primary key (a, "B b"));'
        " insert into t select n, 'k', 'note', 1.50 from generate_series(1, 3000) n",
    )
    await copy(origin, target)
    await run(
        target,
        "update t set note = 'note ', n = 7 where a = 17; delete from t where a = 18; insert into t values (5000, 'k')",
    )
    (table,) = (await verify(origin, target)).tables
    assert not table.equal
    assert (table.source_rows, table.target_rows) == (3000, 3000)
    assert table.source_checksum != table.target_checksum
    assert table.differences == (
        Difference("unequal value", {"a": 17, "B b": "k"}, ("n", "note")),
        Difference("missing row", {"a": 18, "B b": "k"}),
        Difference("extra row", {"a": 5000, "B b": "k"}),
    )


async def test_verify_names_no_more_differences_than_asked_for(origin: PostgresStore, target: PostgresStore) -> None:
    """A table that differs everywhere gives the first few differences."""
    await run(origin, "create table t (id int primary key); insert into t select generate_series(1, 5000)")
    await run(target, "create table t (id int primary key)")
    (table,) = (await verify(origin, target)).tables
    assert [d.finding for d in table.differences] == ["missing row"] * 10
    assert len((await verify(origin, target, limit=3)).tables[0].differences) == 3


async def test_verify_counts_equal_rows_of_a_table_without_a_key(origin: PostgresStore, target: PostgresStore) -> None:
    """The same rows in another number are a difference; each is named by its place."""
    await run(origin, "create table loose (w text); insert into loose values ('a'), ('a'), ('b')")
    await run(target, "create table loose (w text); insert into loose values ('b'), ('a'), ('b')")
    (table,) = (await verify(origin, target)).tables
    assert {d.finding for d in table.differences} == {"missing row", "extra row"}
    assert all(d.row is not None and not d.key for d in table.differences)


async def test_verify_reports_tables_and_columns_of_one_side(origin: PostgresStore, target: PostgresStore) -> None:
    """A table or column that only the source has is a difference, and so is a table that only the target has."""
    await run(origin, "create table a (id int); create table b (id int primary key, lost text, odd date)")
    await run(target, "create table c (id int); create table b (id int primary key, extra text, odd jsonb)")
    report = await verify(origin, target)
    found = {t.table: [str(d) for d in t.differences] for t in report.tables}
    assert found == {
        "a": ["missing table"],
        "b": ["missing column in lost", "unlike types in odd"],
        "c": ["extra table"],
    }
    assert not report.equal
    assert report.notes == ("b.extra is only in the target and was not compared",)
    assert report.as_json()["tables"][0]["target_rows"] is None


async def test_verify_compares_by_the_common_meaning_of_two_types(origin: PostgresStore, target: PostgresStore) -> None:
    """Columns of unlike types are equal where their values mean the same."""
    document, identifier = '{"b": 1, "a": [1.0]}', "12345678-1234-5678-1234-567812345678"
    pairs = [
        ("integer", "bigint", "1"),
        ("integer", "numeric", "1"),
        ("integer", "boolean", "1"),
        ("numeric(10,4)", "numeric", "1.5"),
        ("numeric", "double precision", "0.1"),
        ("real", "double precision", "0.1"),
        ("json", "jsonb", document),
        ("uuid", "text", identifier),
        ("timestamp", "timestamptz", "2024-01-01 00:00:00"),
        ("integer[]", "numeric[]", "{1,NULL}"),
    ]
    for number, (left, right, value) in enumerate(pairs):
        for store, declared in ((origin, left), (target, right)):
            await run(store, f"create table t{number} (v {declared}); insert into t{number} values ('{value}')")
    report = await verify(origin, target)
    assert len(report.tables) == len(pairs)
    assert [pairs[int(t.table[1:])] for t in report.tables if not t.equal] == []
