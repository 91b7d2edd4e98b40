"""SQLite's loose typing: what would stop a copy is told before it begins, counted, and never guessed."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from tests.integration.transfer.sql import ask

from datalayer.cli.app import run as run_command
from datalayer.errors import TransferError
from datalayer.stores.postgres import PostgresStore
from datalayer.stores.sqlite import SqliteStore
from datalayer.transfer import copy, plan_copy
from datalayer.transfer.schemas.comparing import compare_schemas
from datalayer.transfer.schemas.reports import Weight

_LOOSE = """
    create table good (id integer primary key, paid boolean, at datetime);
    insert into good values (1, 1, '2024-01-01 10:00:00'), (2, 0, '2024-01-01T10:00:00');
    create table loose (
        id integer primary key, n integer, born date, at datetime, paid boolean, price numeric(6,2), word text
    );
    insert into loose values (1, 5, '2024-01-01', '2024-01-01 10:00:00', 1, 1.5, 'fine'),
        (2, 'secret', '01.02.2024', 1704103200, 'true', 1.005, x'01'),
        (3, 1.5, 1704103200, '2024-01-01T10:00:00', 't', 'abc', 'fine');
    with recursive n (i) as (select 4 union all select i + 1 from n where i < 5000)
    insert into loose (id, n) select i, 'secret' from n;
    create table bare (n integer);
    insert into bare values (1), ('secret');
"""
_FOUND = {
    ("bare", "n", "cannot be read: a stored str is no INTEGER"): (1, ["row 2 (as read)"]),
    ("loose", "at", "cannot be read: a stored int is no datetime"): (1, ["id=2"]),
    ("loose", "born", "cannot be read: a stored int is no date"): (1, ["id=3"]),
    ("loose", "born", "cannot be read: a stored str is no date"): (1, ["id=2"]),
    ("loose", "n", "cannot be read: a stored float is no INTEGER"): (1, ["id=3"]),
    ("loose", "n", "cannot be read: a stored str is no INTEGER"): (4998, ["id=2", "id=4", "id=5"]),
    ("loose", "paid", "cannot be read: a stored str is no boolean"): (2, ["id=2", "id=3"]),
    ("loose", "price", "cannot be read: a stored str is no numeric(6,2)"): (1, ["id=3"]),
    ("loose", "price", "has more than the 2 decimal places of the target column"): (1, ["id=2"]),
    ("loose", "word", "cannot be read: a stored bytes is no TEXT"): (1, ["id=2"]),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Name a file that its own declarations do not describe."""
    file = tmp_path / "loose.sqlite"
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(_LOOSE)
    return file


async def test_plan_and_schema_diff_count_every_value_that_does_not_fit(path: Path, target: PostgresStore) -> None:
    """By table, column and rule, with the first keys; nothing is made, and 0, 1 and other spellings of times fit."""
    source = await SqliteStore.open(path)
    try:
        plan = await plan_copy(source, target)
        assert {(m.table, m.column, m.rule): (m.rows, list(m.first)) for m in plan.misfits} == _FOUND
        compared = await compare_schemas(source, target)
        blocking = [d for d in compared.differences if d.weight is Weight.BLOCKS]
        assert sorted((d.table, d.subject.removeprefix("column ")) for d in blocking) == sorted(
            (table, column) for table, column, _ in _FOUND
        )
        assert any("a stored str is no INTEGER: 4,998 rows, at id=2; id=4; id=5, ..." in d.what for d in blocking)
        assert not (await target.catalog(refresh=True)).tables
    finally:
        await source.close()


async def test_copy_writes_nothing_of_a_part_that_has_one(path: Path, target: PostgresStore) -> None:
    """Each value nearby is named by table, column and key; no row of its part is there."""
    source = await SqliteStore.open(path)
    try:
        with pytest.raises(
            TransferError, match=r"loose\.n cannot be read: a stored str is no INTEGER, at id=2"
        ) as told:
            await copy(source, target, tables=["good", "loose"])
        assert "secret" not in str(told.value)
        assert await ask(target, "select count(*) from loose") == [{"count": 0}]
    finally:
        await source.close()


async def test_dry_run_prints_them_and_exits_with_a_difference(
    path: Path, datalayer_database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A plan that cannot be carried out is not a good one; a clean choice of tables is."""
    both = ["copy", "--dry-run", "--source", f"sqlite:///{path}", "--target", datalayer_database]
    assert await asyncio.to_thread(run_command, both) == 1
    printed = capsys.readouterr().out
    assert "loose.n cannot be read: a stored str is no INTEGER: 4,998 rows, at id=2; id=4; id=5, ..." in printed
    assert "5,008 values would stop the copy" in printed
    assert "secret" not in printed
    assert await asyncio.to_thread(run_command, [*both, "--json"]) == 1
    assert len(json.loads(capsys.readouterr().out)["misfits"]) == len(_FOUND)
    assert await asyncio.to_thread(run_command, [*both, "--tables", "good"]) == 0
