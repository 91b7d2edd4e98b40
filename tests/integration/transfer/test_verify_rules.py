"""Checks of the target's rows, repairs, and what they refuse."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from functools import partial
from pathlib import Path

import pytest
from tests.integration.transfer.sql import ask, run

from datalayer.cli.app import run as run_command
from datalayer.errors import SelectionError, TransferError
from datalayer.stores.postgres import PostgresStore
from datalayer.stores.sqlite import SqliteStore
from datalayer.transfer import copy, repair, verify
from datalayer.transfer.verifying.checks import Invariant
from datalayer.transfer.verifying.state import VerifyState

_SHOP = """
    create table goods (id int primary key, title text not null, price numeric);
    create table sales (id int primary key, good int references goods (id), at timestamp);
    insert into goods select n, 'good ' || n, n / 4.0 from generate_series(1, 500) n;
    insert into sales select n, n % 500 + 1, '2024-01-01'::timestamp + n * interval '1 s' from generate_series(1, 500) n
"""


async def test_rules_of_the_target_are_checked(origin: PostgresStore, target: PostgresStore) -> None:
    """Orphans, NULLs where the source has none, and rows that an invariant finds are counted."""
    await run(origin, _SHOP)
    await run(
        target,
        "create table goods (id int primary key, title text, price numeric);"
        " create table sales (id int primary key, good int, at timestamp);"
        " insert into goods values (1, null, -1), (2, 'b', -2); insert into sales values (1, 1), (2, 7), (3, null)",
    )
    rules = [
        Invariant("no price below zero", "select id, id from goods where price < 0"),
        Invariant("ids are positive", "with g as (select * from goods) select 1 from g where id < 1"),
    ]
    report = await verify(origin, target, checks=True, invariants=rules)
    assert [(c.kind, c.name, c.violations) for c in report.checks] == [
        ("required", "title", 1),
        ("foreign key", "(good) -> goods (id)", 1),
        ("invariant", "no price below zero", 2),
        ("invariant", "ids are positive", 0),
    ]
    assert [c.name for c in report.violated] == ["title", "(good) -> goods (id)", "no price below zero"]
    assert not report.proven


async def test_an_invariant_cannot_write(origin: PostgresStore, target: PostgresStore) -> None:
    """A statement that would change the target is refused by name, and changes nothing."""
    for store in (origin, target):
        await run(store, "create table t (id int primary key); insert into t values (1)")
    rule = Invariant("sneaky", "with gone as (delete from t returning id) select id from gone")
    with pytest.raises(TransferError, match="the invariant 'sneaky' cannot be asked: it must be one select that only"):
        await verify(origin, target, invariants=[rule])
    assert await ask(target, "select id from t") == [{"id": 1}]


async def test_rules_of_a_sqlite_target_are_checked(tmp_path: Path) -> None:
    """The same rules are asked of SQLite, in a file and in memory."""
    for place in (tmp_path / "shop.sqlite", ":memory:"):
        target = await SqliteStore.open(place)
        origin = await SqliteStore.open(":memory:")
        for store, required in ((origin, "not null"), (target, "")):
            script = (
                f"create table goods (id integer primary key, title text {required});"
                "create table sales (id integer primary key, good integer references goods (id));"
                "insert into goods values (1, 'a')"
            )
            await store.run(partial(_execute, script))
        report = await verify(origin, target, checks=True, invariants=[Invariant("none", "select 1 from goods")])
        assert report.equal
        assert [(c.kind, c.violations) for c in report.checks] == [
            ("required", 0),
            ("foreign key", 0),
            ("invariant", 1),
        ]
        await origin.close()
        await target.close()


async def test_repair_writes_and_deletes_exactly_the_differing_rows(
    origin: PostgresStore, target: PostgresStore
) -> None:
    """Lost, changed and added rows of tables that refer to each other are put right in one go, triggers silent."""
    await run(origin, _SHOP)
    await copy(origin, target)
    await run(
        target,
        "delete from sales where good in (7, 8); delete from goods where id = 7;"
        " update goods set price = null where id = 9; update sales set at = now() where id = 20;"
        " insert into goods values (900, 'extra', 1); insert into sales values (901, 900, null);"
        " create table touched (id int);"
        " create function touch() returns trigger language plpgsql as"
        " 'begin new.title := ''touched''; insert into touched values (1); return new; end';"
        " create trigger touch before insert or update on goods for each row execute function touch()",
    )
    repaired = await repair(origin, target, tables=["goods", "sales"])
    assert not repaired.before.equal
    assert repaired.after.equal
    assert [(t.table, t.upserted, t.deleted) for t in repaired.tables] == [("goods", 2, 1), ("sales", 3, 1)]
    assert await ask(target, "select * from touched") == []
    await run(target, "update goods set price = 0 where id = 1")
    assert await ask(target, "select count(*) from touched") == [{"count": 1}]


async def test_repair_asks_before_it_deletes_many(origin: PostgresStore, target: PostgresStore) -> None:
    """More deletes than allowed are refused with their number, and nothing is written."""
    await run(origin, "create table t (id int primary key, v int); insert into t values (1, 1)")
    await run(
        target, "create table t (id int primary key, v int); insert into t select n, 2 from generate_series(1, 9) n"
    )
    with pytest.raises(TransferError, match=r"delete 8 of t, more than the 7 allowed.* \(--allow-deletes 8\)"):
        await repair(origin, target, allow_deletes=7)
    assert await ask(target, "select count(*), min(v) from t") == [{"count": 9, "min": 2}]
    assert (await repair(origin, target, allow_deletes=8)).after.equal


async def test_repair_leaves_what_it_cannot_tell_apart(origin: PostgresStore, target: PostgresStore) -> None:
    """Tables without a key, of one side, or of unlike columns are left, with the reason; the others are repaired."""
    await run(
        origin,
        "create table loose (w text); insert into loose values ('a'); create table gone (id int primary key);"
        " create table odd (id int primary key, lost text); create table t (id int primary key);"
        " insert into t values (1)",
    )
    await run(
        target,
        "create table loose (w text); create table odd (id int primary key); create table t (id int primary key)",
    )
    repaired = await repair(origin, target)
    assert repaired.notes == (
        "gone was not repaired: one side does not have it; run datalayer copy",
        "loose was not repaired: it has no key that both sides share",
        "odd was not repaired: its columns differ; change the target's schema first",
    )
    assert [(t.table, t.upserted) for t in repaired.tables] == [("t", 1)]
    assert not repaired.after.equal


async def test_repair_between_unlike_stores(tmp_path: Path, target: PostgresStore) -> None:
    """Keys of unlike types are the same key: a uuid kept as text finds its row."""
    origin = await SqliteStore.open(tmp_path / "a.sqlite")
    keys = [f"12345678-1234-5678-1234-56781234567{n}" for n in range(4)]

    rows = "".join(f"insert into t values ('{key}', '1.5');" for key in keys[:3])
    await origin.run(partial(_execute, f"create table t (id text primary key, n decimal_text); {rows}"))
    await run(target, "create table t (id uuid primary key, n numeric(9,4))")
    await run(target, f"insert into t values ('{keys[0]}', 1.5), ('{keys[1]}', 1.25), ('{keys[3]}', 1)")
    repaired = await repair(origin, target)
    assert repaired.after.equal
    assert [(t.upserted, t.deleted) for t in repaired.tables] == [(2, 1)]
    await origin.close()


async def test_an_interrupted_comparison_goes_on(origin: PostgresStore, target: PostgresStore, tmp_path: Path) -> None:
    """Equal tables are not read again; the file goes when the comparison is finished."""
    await run(origin, _SHOP)
    await copy(origin, target)
    file = tmp_path / "state.json"
    await verify(origin, target, tables=["goods"], state=_Kept.open(file, "x"))
    assert set(json.loads(file.read_text())["tables"]) == {"goods"}
    await run(target, "update goods set price = -1 where id = 1; update sales set at = null where id = 1")
    report = await verify(origin, target, state=VerifyState.open(file, "x"))
    assert [t.equal for t in report.tables] == [True, False]
    assert "goods was compared by an earlier, interrupted run and was equal then" in report.notes
    assert not file.exists()


def _execute(script: str, connection: sqlite3.Connection) -> None:
    connection.executescript(script)


class _Kept(VerifyState):
    """A state whose run ends before it can remove the file, as one that is killed does."""

    def remove(self) -> None:
        """Leave the file."""


async def test_sides_are_read_in_one_snapshot(origin: PostgresStore, target: PostgresStore) -> None:
    """Rows written while tables are compared are not seen, by any connection of the side."""
    await run(origin, "".join(f"create table t{n} (id int primary key);" for n in range(6)))
    await copy(origin, target)
    started = asyncio.Event()

    async def write() -> None:
        await started.wait()
        for number in range(6):
            await target.execute("select 1")
            async with target.connection() as connection:
                await connection.execute(f"insert into t{number} values (1)".encode())

    writing = asyncio.create_task(write())
    report = await verify(origin, target, jobs=2, on_progress=lambda _: started.set())
    await writing
    assert report.equal
    assert not (await verify(origin, target)).equal


async def test_command_repairs_and_writes_evidence(
    origin: PostgresStore,
    target: PostgresStore,
    datalayer_database: str,
    second_database: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The exit code, the lines, the page and the JSON agree, before and after a repair."""
    await run(origin, _SHOP)
    await copy(origin, target)
    await run(target, "update goods set price = 7.125 where id = 3; delete from sales where id = 4")
    rules, page, result = tmp_path / "rules.sql", tmp_path / "proof.html", tmp_path / "result.json"
    rules.write_text("-- name: prices are not negative\nselect id from goods where price < 0;\n")
    both = ["verify", "--source", second_database, "--target", datalayer_database, "--invariants", str(rules)]
    assert await asyncio.to_thread(run_command, [*both, "--html", str(page)]) == 1
    said = capsys.readouterr().out
    assert "goods 499/500 rows match (99.8 %): 1 changed" in said
    assert "  sales: missing row at id=4" in said
    assert "7.125" not in said + page.read_text()
    assert "The rows differ" in page.read_text()
    assert await asyncio.to_thread(run_command, [*both, "--repair", "--json", str(result), "--html", str(page)]) == 0
    said = capsys.readouterr().out
    assert "repaired goods: 1 row written, 0 deleted" in said
    assert "sales 500/500 rows match (100 %)" in said
    assert "2 of 2 rules of the target kept" in said
    assert "Every row matches" in page.read_text()
    assert [t["table"] for t in json.loads(result.read_text())["repaired"]] == ["goods", "sales"]


async def test_command_tells_mistakes(
    origin: PostgresStore,
    datalayer_database: str,
    second_database: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Options that do not go together and files that cannot be written are told in one line, exit code 2."""
    await run(origin, "create table t (id int primary key)")
    both = ["verify", "--source", second_database, "--target", datalayer_database]
    for wrong in (
        ["--repair", "--state", str(tmp_path / "s.json")],
        ["--invariants", str(tmp_path / "missing.sql")],
        ["--html", str(tmp_path / "missing" / "page.html")],
        ["--html", str(tmp_path)],
        ["--json", str(tmp_path / "missing" / "result.json")],
        ["--state", str(tmp_path / "missing" / "s.json")],
    ):
        assert await asyncio.to_thread(run_command, [*both, *wrong]) == 2
        said = capsys.readouterr()
        assert said.err.startswith("error: ")
        assert said.out == ""


async def test_what_an_invariant_of_a_file_lacks_is_named(tmp_path: Path, target: PostgresStore) -> None:
    """A column, a table, a function: SQLite's own words carry the name."""
    await run(target, "create table goods (id integer primary key)")
    file = await SqliteStore.open(tmp_path / "goods.db")
    try:
        await copy(target, file)
        for statement, said in (
            ("select prize from goods", "no such column: prize"),
            ("select 1 from godos", "there is no such table: godos"),
            ("select strange(id) from goods", "there is no such function: strange"),
        ):
            with pytest.raises(SelectionError, match=f"the invariant 'x' cannot be asked: .*{said}"):
                await verify(target, file, invariants=[Invariant("x", statement)])
    finally:
        await file.close()
