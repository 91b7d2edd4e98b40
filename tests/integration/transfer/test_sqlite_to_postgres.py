"""Copy and verify from a SQLite file, the kind nobody designed for it, to PostgreSQL."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.integration.transfer.sql import ask, run

from datalayer.errors import TransferError
from datalayer.query import Insert, Select
from datalayer.stores.catalog import Kind
from datalayer.stores.postgres import PostgresStore
from datalayer.stores.sqlite import SqliteStore
from datalayer.transfer import Difference, copy, verify

_NASTY = """
    create table [Order] (
        [Order Id] integer not null primary key,
        [Total] numeric(10,2) not null default 0,
        [select] nvarchar(20),
        "Имя" text not null default 'кто-то',
        [placed] datetime default current_timestamp,
        paid boolean default 0,
        picture blob,
        ratio real,
        tags "text[]",
        doc json_text,
        exact decimal_text,
        untyped,
        "per%cent" int,
        "qu""ote" varchar,
        small smallint,
        unique ([select], "Имя")
    );
    create table Lines (
        [Order Id] integer not null references [order] ([ORDER id]),
        line integer not null,
        parent_order integer, parent_line integer,
        text text,
        primary key ([Order Id], line),
        foreign key (parent_order, parent_line) references Lines ([Order Id], line) on delete set null
    );
    create table chickens (id integer primary key autoincrement, egg integer not null references eggs (id));
    create table eggs (
        id integer primary key autoincrement, chicken integer references chickens (id) on delete cascade
    );
    create table loose (word text, number integer);
    create table codes (code text primary key, wrong integer references gone (id), odd text references eggs (id))
        without rowid;
    create view looks as select * from loose;
    insert into [Order] ([Order Id], Total, [select], "Имя", placed, paid, picture, ratio, tags, doc, exact, untyped,
                         "per%cent", "qu""ote", small)
    values (1, 0.99, 'a', 'Анна', '2021-01-01 00:00:00', 1, x'00ff', 0.1, '["a", null, "b,c"]', '{"b": [1], "a": null}',
            '12345678901234567890.123456789', 'any', -9223372036854775808, 'tab\t"''\\N', 100000),
           (9223372036854775807, 12345678.9, '', '', '2021-12-31 23:59:59.123456', 0, x'', -1e300, '[]', 'null', 'NaN',
            '', 9223372036854775807, '', 0),
           (-5, 1, null, 'x', null, null, null, null, null, null, null, null, null, null, null);
    insert into Lines values (1, 1, 1, 2, 'points at a later row'), (1, 2, null, null, 'e' || char(769)),
                             (-5, 1, -5, 1, 'é ');
    insert into loose values ('a', 1), ('a', 1), (null, null), ('', 0);
    insert into codes values ('only', null, null);
    pragma foreign_keys = off;
    insert into chickens values (1, 7);
    insert into eggs values (7, 1);
"""


def _make(path: Path, script: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)


@pytest.fixture
async def nasty(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    """Lend a SQLite file with everything that is awkward."""
    path = tmp_path / "nasty.sqlite"
    _make(path, _NASTY)
    store = await SqliteStore.open(path)
    yield store
    await store.close()


async def test_copy_brings_every_value_and_verify_agrees(nasty: SqliteStore, target: PostgresStore) -> None:
    """Odd names, composite keys, self and circular references, no key, bytes, NULLs, arrays, extremes: all arrive."""
    report = await copy(nasty, target)
    assert {t.table: t.rows for t in report.tables} == {
        "Order": 3,
        "Lines": 3,
        "chickens": 1,
        "eggs": 1,
        "loose": 4,
        "codes": 1,
    }
    verified = await verify(nasty, target)
    assert verified.equal, [t for t in verified.tables if not t.equal]
    stored = await ask(target, 'select * from "Order" where "Order Id" = 1')
    assert stored[0]["tags"] == ["a", None, "b,c"]
    assert stored[0]["picture"] == b"\x00\xff"
    assert str(stored[0]["exact"]) == "12345678901234567890.123456789"


async def test_copy_creates_keys_and_says_what_it_left_out(nasty: SqliteStore, target: PostgresStore) -> None:
    """Keys, references, numbering, NOT NULL and defaults are there; references that PostgreSQL refuses are told."""
    report = await copy(nasty, target)
    tables = (await target.catalog(refresh=True)).tables
    assert tables["Lines"].primary_key == ("Order Id", "line")
    assert {(k.columns, k.target_table, k.on_delete) for k in tables["Lines"].foreign_keys} == {
        (("Order Id",), "Order", "NO ACTION"),
        (("parent_order", "parent_line"), "Lines", "SET NULL"),
    }
    assert [k.on_delete for k in tables["eggs"].foreign_keys] == ["CASCADE"]
    assert [u.columns for u in tables["Order"].uniques] == [("select", "Имя")]
    order = tables["Order"].by_name
    assert order["Order Id"].identity
    assert (order["Total"].type.declared, order["Total"].nullable) == ("numeric(10,2)", False)
    assert order["select"].type.declared == "character varying(20)"
    assert order["placed"].default == "now()"
    assert order["tags"].type.array
    assert order["doc"].type.kind is Kind.JSONB
    assert tables["codes"].foreign_keys == ()
    assert sum("is left out" in note for note in report.notes) == 2


async def test_copy_goes_on_counting_where_the_source_stopped(nasty: SqliteStore, target: PostgresStore) -> None:
    """New rows get numbers that are not taken."""
    await copy(nasty, target)
    assert await ask(target, "insert into eggs (chicken) values (null) returning id") == [{"id": 8}]


async def test_copy_again_brings_what_changed(nasty: SqliteStore, target: PostgresStore) -> None:
    """A second run updates, adds, and leaves the rest alone."""
    tables = ["Order", "Lines", "codes"]
    await copy(nasty, target, tables=tables)
    await nasty.run(lambda c: c.execute("update Lines set text = 'new' where line = 2").fetchall())
    await nasty.run(lambda c: c.execute("insert into Lines values (-5, 2, null, null, '')").fetchall())
    await copy(nasty, target, tables=tables)
    assert (await verify(nasty, target, tables=tables)).equal


@pytest.mark.parametrize(
    ("declared", "value", "rule"),
    [
        ("integer", "'twelve secrets'", "cannot be read"),
        ("integer", "1.5", "cannot be read"),
        ("text", "x'01'", "cannot be read"),
        ("varchar(3)", "'secret'", "longer than the 3 characters"),
        ("numeric(6,2)", "1.005", "more than the 2 decimal places"),
        ("boolean", "'secret'", "cannot be read"),
        ("timestamp", "'secret'", "cannot be read"),
    ],
)
async def test_copy_names_the_row_that_does_not_fit(
    tmp_path: Path, target: PostgresStore, declared: str, value: str, rule: str
) -> None:
    """What SQLite let in against its own declaration stops the copy: table, column and key are told, not the value."""
    path = tmp_path / "misfit.sqlite"
    _make(
        path,
        f"""
        create table t (id integer primary key, [my column] {declared});
        with recursive n (i) as (select 1 union all select i + 1 from n where i < 2500)
        insert into t select i, null from n;
        update t set [my column] = {value} where id = 2345;
        """,
    )
    source = await SqliteStore.open(path)
    try:
        with pytest.raises(TransferError, match=rf"t\.my column .*{rule}.* at id=2345") as caught:
            await copy(source, target)
    finally:
        await source.close()
    assert "secret" not in str(caught.value)
    assert await ask(target, "select count(*) from t") == [{"count": 0}]


async def test_collation_that_only_another_program_has_is_not_needed(tmp_path: Path, target: PostgresStore) -> None:
    """Values are copied and compared by what they are; only an index would need it."""
    types = ("date", "numeric(5,2)", "text", "datetime", "boolean", "integer", "json", "blob", "real", "uuid", "time")
    file = tmp_path / "own.sqlite"
    with closing(sqlite3.connect(file)) as connection:
        connection.create_collation("own", lambda one, other: (one > other) - (one < other))
        columns = ", ".join(f"c{number} {declared} collate own" for number, declared in enumerate(types))
        connection.execute(f"create table t (id integer primary key, {columns})")
        connection.execute(
            "insert into t values (1, '2026-01-01', 1.5, 'a', '2026-01-01 10:00:00', 1, 3, '{}', x'00', 1.5,"
            " 'abcdef00-0000-0000-0000-000000000000', '10:00:00')"
        )
        connection.commit()
    source = await SqliteStore.open(file)
    try:
        await copy(source, target)
        assert (await verify(source, target)).equal
    finally:
        await source.close()


async def test_copy_names_rows_that_refer_to_nothing(tmp_path: Path, target: PostgresStore) -> None:
    """Orphans, which SQLite keeps when nobody enforces its references, are named by key."""
    path = tmp_path / "orphans.sqlite"
    _make(
        path,
        """
        create table parents (id integer primary key);
        create table children (id integer primary key, parent integer references parents (id));
        insert into children values (1, null), (2, 99);
        """,
    )
    source = await SqliteStore.open(path)
    try:
        with pytest.raises(TransferError, match=r"children \(parent\) refers to rows that parents .* first at id=2;"):
            await copy(source, target)
    finally:
        await source.close()


async def test_copy_refuses_names_that_postgres_would_cut(tmp_path: Path, target: PostgresStore) -> None:
    """A name of more than 63 bytes is refused before anything is created."""
    path = tmp_path / "long.sqlite"
    _make(path, f"create table [{'ж' * 32}] (id integer primary key)")
    source = await SqliteStore.open(path)
    try:
        with pytest.raises(TransferError, match="PostgreSQL cuts names longer than 63 bytes"):
            await copy(source, target)
    finally:
        await source.close()


async def test_lists_are_documents_in_an_array_of_documents(tmp_path: Path, target: PostgresStore) -> None:
    """A list in an array of documents is one of them, and not a dimension of the array."""
    source = await SqliteStore.open(tmp_path / "docs.sqlite")
    try:
        await source.run(lambda c: c.execute('create table t (id integer primary key, docs "json[]")').close())
        documents: list[Any] = [[1, [2]], [], None, {"a": []}]
        await source.insert(Insert("t", [{"id": 1, "docs": documents}]))
        await copy(source, target)
        assert await target.select(Select("t")) == [{"id": 1, "docs": documents}]
        assert (await verify(source, target)).equal
    finally:
        await source.close()


@pytest.mark.skipif("DATALAYER_CHINOOK" not in os.environ, reason="DATALAYER_CHINOOK names no SQLite file")
async def test_chinook_arrives_whole_and_one_trailing_space_is_found(target: PostgresStore) -> None:
    """The sample shop: 11 tables, 15,607 rows, all keys; a trailing space is found by key and column."""
    source = await SqliteStore.open(os.environ["DATALAYER_CHINOOK"])
    try:
        report = await copy(source, target)
        assert (len(report.tables), report.rows) == (11, 15_607)
        verified = await verify(source, target)
        assert verified.equal
        assert sum(t.target_rows or 0 for t in verified.tables) == 15_607
        keys = (
            "select contype, count(*) from pg_constraint where contype in ('p', 'f')"
            " and connamespace = 'public'::regnamespace group by 1 order by 1"
        )
        assert await ask(target, keys) == [{"contype": "f", "count": 11}, {"contype": "p", "count": 11}]

        await run(target, """update "Artist" set "Name" = "Name" || ' ' where "ArtistId" = 90""")
        again = await verify(source, target)
        assert not again.equal
        assert {t.table: t.differences for t in again.tables if not t.equal} == {
            "Artist": (Difference("unequal value", {"ArtistId": 90}, ("Name",)),)
        }
    finally:
        await source.close()
