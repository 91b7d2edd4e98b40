"""Enums and domains: made where they are missing, kept in an export, text with a check on SQLite, compared."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.integration.transfer.sql import ask, run

from datalayer.errors import CheckViolationError, TransferError
from datalayer.query import Update, where_equal
from datalayer.stores.catalog import DomainType, EnumType, Kind
from datalayer.stores.postgres import PostgresStore
from datalayer.stores.sqlite import SqliteStore
from datalayer.transfer import copy, plan_copy, verify
from datalayer.transfer.exports.exporting import export
from datalayer.transfer.loads.loading import load
from datalayer.transfer.schemas.comparing import compare_schemas
from datalayer.transfer.schemas.reports import SchemaReport, Weight

_TYPES = """
    create type "Mood Type" as enum ('sad', 'it''s ok', 'glad', 'Радость');
    create domain "short name" as varchar(5) default 'none' not null check (value <> 'never');
    create domain shorter as "short name" constraint fewer check (length(value) < 5);
    create domain feeling as "Mood Type" check (value <> 'sad');
    create domain price as numeric(10,2) check (value >= 0);
"""
_TABLES = """
    create table notes (
        id int primary key, mood "Mood Type" not null default 'glad', moods "Mood Type"[], name shorter, felt feeling,
        costs price, all_costs price[]
    );
    create table moods (mood "Mood Type" primary key, next "Mood Type" references moods);
    insert into notes values (1, 'it''s ok', '{sad,NULL,"it''s ok"}', 'anna', 'glad', 1.50, '{1.50,2}'),
        (2, 'Радость', '{}', 'bob', null, null, null);
    insert into moods values ('sad', 'glad'), ('glad', null)
"""


@pytest.fixture
async def file(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    """Lend an empty SQLite file."""
    store = await SqliteStore.open(tmp_path / "file.sqlite")
    yield store
    await store.close()


def _found(report: SchemaReport) -> set[tuple[Weight, str, str]]:
    return {(d.weight, d.table, d.subject) for d in report.differences}


async def test_copy_makes_enums_and_domains_with_all_their_rules(origin: PostgresStore, target: PostgresStore) -> None:
    """Labels keep their order, domains their base, default, NOT NULL and checks; the plan says what is made."""
    await run(origin, _TYPES + _TABLES)
    plan = await plan_copy(origin, target)
    assert 'the enum "Mood Type" is made in the target' in plan.notes
    assert "the domain shorter is made in the target" in plan.notes
    assert not (await target.catalog(refresh=True)).tables
    await copy(origin, target)
    assert (await verify(origin, target)).equal
    made = (await target.catalog(refresh=True)).tables["notes"]
    assert made == (await origin.catalog()).tables["notes"]
    assert made.types == (
        EnumType('"Mood Type"', ("sad", "it's ok", "glad", "Радость")),
        DomainType(
            '"short name"',
            "character varying(5)",
            nullable=False,
            default="'none'::character varying",
            checks=(("short name_check", "CHECK (((VALUE)::text <> 'never'::text))"),),
        ),
        DomainType("price", "numeric(10,2)", checks=(("price_check", "CHECK ((VALUE >= (0)::numeric))"),)),
        DomainType(
            "feeling",
            '"Mood Type"',
            checks=(("feeling_check", "CHECK ((VALUE <> 'sad'::\"Mood Type\"))"),),
        ),
        DomainType(
            "shorter",
            '"short name"',
            default="'none'::character varying",
            checks=(("fewer", "CHECK ((length((VALUE)::text) < 5))"),),
        ),
    )
    assert made.by_name["name"].type.kind is Kind.TEXT
    assert made.by_name["costs"].type.kind is Kind.NUMERIC
    assert (await compare_schemas(origin, target)).differences == ()
    await copy(origin, target)
    assert (await verify(origin, target)).equal


async def test_export_keeps_the_types_and_load_makes_them(
    origin: PostgresStore, target: PostgresStore, tmp_path: Path
) -> None:
    """Nothing has to be prepared in an empty database."""
    await run(origin, _TYPES + _TABLES)
    await export(origin, tmp_path / "out")
    report = await load(tmp_path / "out", target)
    assert 'the enum "Mood Type" is made in the target' in report.notes
    assert (await verify(origin, target)).equal
    assert (await compare_schemas(origin, target)).differences == ()


async def test_sqlite_gets_texts_with_a_check_and_the_plan_says_so(origin: PostgresStore, file: SqliteStore) -> None:
    """A text that is no label is refused there, too; what is lost is said before and after."""
    await run(origin, _TYPES + _TABLES)
    plan = await plan_copy(origin, file)
    report = await copy(origin, file)
    for notes in (plan.notes, report.notes):
        said = "\n".join(notes)
        assert 'notes.mood is of the enum "Mood Type" in the source; the target keeps text and checks' in said
        assert 'notes.moods is of the enum "Mood Type" in the source; the target keeps an array of texts' in said
        assert "notes.name is of the domain shorter in the source; the target keeps character varying(5)" in said
        assert "notes.name: the check of its domain is left out: CHECK ((length((VALUE)::text) < 5))" in said
    assert (await verify(origin, file)).equal
    made = (await file.catalog(refresh=True)).tables["notes"].by_name
    assert (made["name"].type.declared, made["name"].nullable) == ("varchar(5)", False)
    assert made["costs"].type.declared == "decimal_text(10, 2)"
    for wrong in ("angry", "SAD"):
        with pytest.raises(CheckViolationError):
            await file.update(Update("notes", {"mood": wrong}, where_equal(id=1)))
    compared = await compare_schemas(origin, file)
    assert Weight.BLOCKS not in {d.weight for d in compared.differences}
    assert (Weight.LOSES, "notes", "column mood") in _found(compared)


async def test_lengths_that_postgres_cannot_have_are_named(file: SqliteStore, target: PostgresStore) -> None:
    """SQLite takes any number in parentheses; the plan and the copy refuse by table and column."""
    await file.run(
        lambda c: c.executescript(
            "create table good (id integer primary key, v varchar(5));"
            " create table short (id integer primary key, v varchar(0), n numeric(2000, 1))"
        ).close()
    )
    for move in (plan_copy, copy):
        with pytest.raises(TransferError, match=r"short\.v \(varchar\(0\): .*; short\.n \(numeric\(2000") as refused:
            await move(file, target)
        assert "good" not in str(refused.value)


async def test_back_from_sqlite_into_the_enum(origin: PostgresStore, file: SqliteStore, target: PostgresStore) -> None:
    """Texts go into an enum's column; schema diff asks the rows whether all of them are labels."""
    await run(origin, _TYPES + _TABLES)
    await copy(origin, file)
    await run(target, _TYPES + _TABLES + "; delete from notes; delete from moods")
    back = await compare_schemas(file, target)
    assert (Weight.HARMLESS, "notes", "column mood") in _found(back)
    await copy(file, target)
    assert (await verify(origin, target)).equal
    await run(
        target, "drop table notes, moods; create type fewer as enum ('sad'); create table notes (id int, mood fewer)"
    )
    narrower = await compare_schemas(file, target, tables=["notes"])
    assert (Weight.BLOCKS, "notes", "column mood") in _found(narrower)


@pytest.mark.parametrize(
    ("theirs", "weight", "said"),
    [
        ("create type kind as enum ('a', 'b')", None, ""),
        ("create type kind as enum ('a')", Weight.BLOCKS, "lacks the labels b: a row with one stops the move"),
        ("create type kind as enum ('b', 'a')", Weight.LOSES, "labels in another order"),
        ("create type kind as enum ('a', 'x', 'b')", Weight.HARMLESS, "has more labels in the target: x"),
        (
            "create domain kind as text",
            Weight.LOSES,
            "is the enum kind in the source and the domain kind in the target",
        ),
    ],
)
async def test_schema_diff_tells_how_enums_differ(
    origin: PostgresStore, target: PostgresStore, theirs: str, weight: Weight | None, said: str
) -> None:
    """Labels that lack, are more, or stand in another order."""
    await run(origin, "create type kind as enum ('a', 'b'); create table t (id int primary key, kind kind)")
    await run(target, theirs + "; create table t (id int primary key, kind kind)")
    found = [(d.weight, d.subject) for d in (await compare_schemas(origin, target)).differences]
    assert found == ([] if weight is None else [(weight, "column kind")])
    assert all(said in d.what for d in (await compare_schemas(origin, target)).differences)


@pytest.mark.parametrize(
    ("theirs", "weights"),
    [
        ("create domain d as numeric(10,2) default 1 check (value > 0)", []),
        ("create domain d as numeric(8,2) default 1 check (value > 0)", [Weight.BLOCKS]),
        ("create domain d as numeric(10,2) default 1 check (value > 5)", [Weight.BLOCKS, Weight.LOSES]),
        ("create domain d as numeric(10,2) default 2 check (value > 0)", [Weight.LOSES]),
        ("create domain d as numeric(10,2) default 1 not null check (value > 0)", [Weight.BLOCKS]),
        ("create domain d as numeric(10,2) default 1", [Weight.LOSES]),
    ],
)
async def test_schema_diff_tells_how_domains_differ(
    origin: PostgresStore, target: PostgresStore, theirs: str, weights: list[Weight]
) -> None:
    """Base, default, NOT NULL and checks."""
    await run(
        origin, "create domain d as numeric(10,2) default 1 check (value > 0); create table t (id int primary key, n d)"
    )
    await run(target, theirs + "; create table t (id int primary key, n d)")
    found = (await compare_schemas(origin, target)).differences
    assert [d.weight for d in found] == weights
    assert all(d.subject == "column n" for d in found)


async def test_a_missing_label_is_said_before_rows_move(origin: PostgresStore, target: PostgresStore) -> None:
    """The type is there, and not all of its labels are; the row that needs one stops the copy, named."""
    await run(origin, "create type kind as enum ('a', 'b'); create table t (id int primary key, kind kind)")
    await run(target, "create type kind as enum ('a')")
    assert (
        "the enum kind of the target lacks b: a row with such a label stops the copy"
        in (await plan_copy(origin, target)).notes
    )
    await run(origin, "insert into t values (1, 'a'), (2, 'b')")
    with pytest.raises(TransferError, match=r"column kind; at id=2; no row was written"):
        await copy(origin, target)
    assert await ask(target, "select count(*) from t") == [{"count": 0}]
