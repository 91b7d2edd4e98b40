"""SQLite's loose typing: what would stop a copy is told before it begins, counted, and never guessed."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from tests.integration.transfer.sql import ask, run

from datalayer.cli.app import run as run_command
from datalayer.errors import TransferError
from datalayer.stores.postgres import PostgresStore
from datalayer.stores.sqlite import SqliteStore
from datalayer.transfer import copy, plan_copy, verify
from datalayer.transfer.exports.exporting import export
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
    ("bare", "n", "cannot be read: a stored text is no INTEGER"): (1, ["row 2 (as read)"]),
    ("loose", "at", "cannot be read: a stored integer is no datetime"): (1, ["id=2"]),
    ("loose", "born", "cannot be read: a stored integer is no date"): (1, ["id=3"]),
    ("loose", "born", "cannot be read: a stored text is no date"): (1, ["id=2"]),
    ("loose", "n", "cannot be read: a stored real is no INTEGER"): (1, ["id=3"]),
    ("loose", "n", "cannot be read: a stored text is no INTEGER"): (4998, ["id=2", "id=4", "id=5"]),
    ("loose", "paid", "cannot be read: a stored text is no boolean"): (2, ["id=2", "id=3"]),
    ("loose", "price", "cannot be read: a stored text is no numeric(6,2)"): (1, ["id=3"]),
    ("loose", "price", "has more than the 2 decimal places of the target column"): (1, ["id=2"]),
    ("loose", "word", "cannot be read: a stored blob is no TEXT"): (1, ["id=2"]),
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
        assert any("a stored text is no INTEGER: 4,998 rows, at id=2; id=4; id=5, ..." in d.what for d in blocking)
        assert not (await target.catalog(refresh=True)).tables
    finally:
        await source.close()


async def test_keys_that_are_null_are_counted_and_named(tmp_path: Path, target: PostgresStore) -> None:
    """SQLite takes them, and a table made in PostgreSQL will not; one made in SQLite will."""
    file = tmp_path / "nulls.sqlite"
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript("create table t (k text primary key); insert into t values (null), (null), ('a')")
    source = await SqliteStore.open(file)
    other = await SqliteStore.open(tmp_path / "other.sqlite")
    try:
        (misfit,) = (await plan_copy(source, target)).misfits
        assert (misfit.column, misfit.rule, misfit.rows) == ("k", "is NULL, and the target column is NOT NULL", 2)
        assert not (await compare_schemas(source, target)).safe
        assert (await plan_copy(source, other)).misfits == ()
        assert (await compare_schemas(source, other)).safe
        with pytest.raises(TransferError, match=r"t\.k is NULL, and .* NOT NULL, at k=None, k=None; "):
            await copy(source, target)
    finally:
        await other.close()
        await source.close()


async def test_null_is_named_where_a_table_without_a_key_takes_none(tmp_path: Path, target: PostgresStore) -> None:
    """Its rows go through a temporary table first, which would take it."""
    file = tmp_path / "nulls.sqlite"
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript("create table t (word text); insert into t values ('a'), (null)")
    await run(target, "create table t (word text not null); insert into t values ('b')")
    source = await SqliteStore.open(file)
    try:
        with pytest.raises(TransferError, match=r"t\.word is NULL, and the target column is NOT NULL, at row 2 "):
            await copy(source, target)
    finally:
        await source.close()


async def test_copy_writes_nothing_of_a_part_that_has_one(path: Path, target: PostgresStore) -> None:
    """Each value nearby is named by table, column and key; no row of its part is there."""
    source = await SqliteStore.open(path)
    try:
        with pytest.raises(
            TransferError, match=r"loose\.n cannot be read: a stored text is no INTEGER, at id=2"
        ) as told:
            await copy(source, target, tables=["good", "loose"])
        assert "secret" not in str(told.value)
        assert await ask(target, "select count(*) from loose") == [{"count": 0}]
    finally:
        await source.close()


async def test_copy_says_a_rule_once_for_all_rows_that_break_it(tmp_path: Path, target: PostgresStore) -> None:
    """Ten keys are named, and the others nearby counted."""
    file = tmp_path / "many.sqlite"
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(
            "create table t (id integer primary key, n integer, at date);"
            "with recursive i (n) as (select 1 union all select n + 1 from i where n < 3000)"
            "insert into t select n, iif(n > 500, 'x', n), iif(n > 503, 'y', '2024-01-01') from i"
        )
    source = await SqliteStore.open(file)
    try:
        with pytest.raises(TransferError) as told:
            await copy(source, target)
    finally:
        await source.close()
    found = str(told.value).split("; ")
    for (column, declared, first), rule in zip((("n", "INTEGER", 501), ("at", "date", 504)), found[:2], strict=True):
        named = ", ".join(f"id={number}" for number in range(first, first + 10))
        said = rf"t\.{column} cannot be read: a stored text is no {declared}, at {named} and [\d,]+ more nearby"
        assert re.fullmatch(said, rule)
    assert found[2] == "repair the rows or change the column, then start again"


@pytest.mark.parametrize("declared", ["datetime", "timestamp"])
async def test_moment_with_a_zone_is_told_from_other_texts(
    tmp_path: Path, target: PostgresStore, declared: str
) -> None:
    """The column has no zone, and another one keeps it: that is what a copy and its plan say."""
    file = tmp_path / "zones.sqlite"
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(
            f"create table t (a int, b int, at {declared}, primary key (a, b));"
            "insert into t values (1, 1, '2024-01-01T10:00:00Z'), (1, 2, '2024-01-01 10:00:00+02:00'), (1, 3, 'noon')"
        )
    source = await SqliteStore.open(file)
    rule = (
        f"cannot be read: a stored text is no {declared}, for it ends in a time zone, which a column declared"
        " timestamptz has"
    )
    try:
        assert {(m.rule, m.rows) for m in (await plan_copy(source, target)).misfits} == {
            (rule, 2),
            (f"cannot be read: a stored text is no {declared}", 1),
        }
        with pytest.raises(TransferError) as told:
            await copy(source, target)
        assert f"t.at {rule}, at (a=1, b=1), (a=1, b=2); t.at cannot be read: a stored text is no" in str(told.value)
    finally:
        await source.close()


async def test_zone_is_no_cause_where_no_moment_is_declared(tmp_path: Path, target: PostgresStore) -> None:
    """Without it the value would be as wrong."""
    file = tmp_path / "days.sqlite"
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(
            "create table t (id integer primary key, born date, n integer);"
            "insert into t values (1, '2024-01-01T10:00:00Z', '2024-01-01T10:00:00Z')"
        )
    source = await SqliteStore.open(file)
    try:
        assert {m.rule for m in (await plan_copy(source, target)).misfits} == {
            "cannot be read: a stored text is no date",
            "cannot be read: a stored text is no INTEGER",
        }
    finally:
        await source.close()


async def test_dry_run_prints_them_and_exits_with_a_difference(
    path: Path, datalayer_database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A plan that cannot be carried out is not a good one; a clean choice of tables is."""
    both = ["copy", "--dry-run", "--source", f"sqlite:///{path}", "--target", datalayer_database]
    assert await asyncio.to_thread(run_command, both) == 1
    printed = capsys.readouterr().out
    assert "loose.n cannot be read: a stored text is no INTEGER: 4,998 rows, at id=2; id=4; id=5, ..." in printed
    assert "5,008 values would stop the copy" in printed
    assert "secret" not in printed
    assert await asyncio.to_thread(run_command, [*both, "--json"]) == 1
    assert len(json.loads(capsys.readouterr().out)["misfits"]) == len(_FOUND)
    assert await asyncio.to_thread(run_command, [*both, "--tables", "good"]) == 0


async def test_verify_names_values_that_are_none_of_their_type(
    path: Path, target: PostgresStore, capsys: pytest.CaptureFixture[str], datalayer_database: str
) -> None:
    """By table, key and column, in the class of types; the rows beside them are compared as ever."""
    await run(
        target,
        "create table good (id int primary key, paid boolean, at timestamp);"
        "insert into good values (1, true, '2024-01-01 10:00'), (2, false, '2024-01-01 10:00');"
        "create table loose"
        " (id int primary key, n int, born date, at timestamp, paid boolean, price numeric, word text);"
        "insert into loose values (1, 5, '2024-01-01', '2024-01-01 10:00', true, 1.5, 'changed'),"
        " (2, 7, '2024-02-01', '2024-01-01 10:00', true, 1.005, 'a'),"
        " (3, 1, '2024-01-01', '2024-01-01 10:00', true, 0, 'fine');"
        "insert into loose (id, n) select n, n from generate_series(4, 5000) n;"
        "create table bare (n int); insert into bare values (1)",
    )
    both = ["--source", f"sqlite:///{path}", "--target", datalayer_database]
    assert await asyncio.to_thread(run_command, ["verify", *both, "--limit", "5"]) == 1
    out = capsys.readouterr().out
    assert "good 2/2 rows match" in out
    assert "loose 0/5,000 rows match (0 %): 5,000 changed" in out
    assert "loose: unequal value at id=1 in word" in out
    assert "loose: unequal type at id=2 in at, born, n, paid, word" in out
    assert "loose: unequal type at id=3 in born, n, paid, price" in out
    assert "loose: unequal type at id=4 in n" in out
    assert "bare 1/2 rows match" in out
    assert "secret" not in out


async def test_verify_of_the_same_file_finds_such_values_equal(path: Path, tmp_path: Path) -> None:
    """What is stored alike is alike."""
    shutil.copy(path, tmp_path / "copy.sqlite")
    source, copied = await SqliteStore.open(path), await SqliteStore.open(tmp_path / "copy.sqlite")
    try:
        assert (await verify(source, copied)).equal
        await copied.run(lambda c: c.execute("update loose set n = 'secret!' where id = 4711").close())
        (difference,) = [d for table in (await verify(source, copied)).tables for d in table.differences]
        assert (difference.finding, dict(difference.key), difference.columns) == ("unequal type", {"id": 4711}, ("n",))
    finally:
        await source.close()
        await copied.close()


async def test_verify_names_a_date_that_no_calendar_has(tmp_path: Path, target: PostgresStore) -> None:
    """SQLite spells it like any other; read, it is none."""
    source = await SqliteStore.open(tmp_path / "days.sqlite")
    try:
        await source.run(
            lambda c: c.executescript(
                "create table days (id integer primary key, day date);"
                "insert into days values (1, '2024-02-01'), (2, '2024-02-31'), (3, '2024-02-03')"
            ).close()
        )
        await run(
            target,
            "create table days (id int primary key, day date);"
            "insert into days values (1, '2024-02-01'), (2, '2024-02-02'), (3, '2024-02-04')",
        )
        (table,) = (await verify(source, target)).tables
        assert [(d.finding, dict(d.key), d.columns) for d in table.differences] == [
            ("unequal type", {"id": 2}, ("day",)),
            ("unequal value", {"id": 3}, ("day",)),
        ]
    finally:
        await source.close()


async def test_any_column_of_a_strict_table_is_text_and_nothing_else_is_guessed(
    tmp_path: Path, target: PostgresStore
) -> None:
    """ANY keeps every value as it is: 007 is no number 7; what is no text is told before a copy."""
    source = await SqliteStore.open(tmp_path / "strict.sqlite")
    try:
        await source.run(
            lambda c: c.executescript(
                "create table mixed (id integer primary key, v any) strict;"
                "insert into mixed values (1, '007'), (2, null), (3, ' 7'), (4, '1e3')"
            ).close()
        )
        assert (await plan_copy(source, target)).misfits == ()
        await copy(source, target)
        assert await ask(target, "select v from mixed order by id") == [{"v": v} for v in ("007", None, " 7", "1e3")]
        assert (await verify(source, target)).equal
        await source.run(lambda c: c.execute("insert into mixed values (5, 7), (6, 1.5), (7, x'00')").close())
        assert sorted((m.rule, m.first) for m in (await plan_copy(source, target)).misfits) == [
            ("cannot be read: a stored blob is no text", ("id=7",)),
            ("cannot be read: a stored integer is no text", ("id=5",)),
            ("cannot be read: a stored real is no text", ("id=6",)),
        ]
    finally:
        await source.close()


async def test_text_that_is_no_utf8_is_counted_and_named(tmp_path: Path, target: PostgresStore) -> None:
    """SQLite keeps any bytes as text; what is none is told as that, in whatever column it stands."""
    file = tmp_path / "bytes.sqlite"
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(
            "create table t (id integer primary key, word text, key uuid);"
            "insert into t values (1, 'fine', null), (2, cast(x'ff' as text), null), (3, null, cast(x'fe' as text))"
        )
    source = await SqliteStore.open(file)
    try:
        assert {(m.column, m.rule, m.first) for m in (await plan_copy(source, target)).misfits} == {
            ("word", "cannot be read: a stored text that is not UTF-8 is no TEXT", ("id=2",)),
            ("key", "cannot be read: a stored text that is not UTF-8 is no uuid", ("id=3",)),
        }
        with pytest.raises(TransferError, match=r"t\.word cannot be read: a stored text that is not UTF-8.*, at id=2"):
            await copy(source, target)
    finally:
        await source.close()


async def test_no_text_of_a_database_in_utf16_is_replaced(tmp_path: Path, target: PostgresStore) -> None:
    """On its way from UTF-8 to UTF-16 SQLite would take another letter for half of a pair and for U+FFFF."""
    file = tmp_path / "wide.sqlite"
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(
            "pragma encoding = 'UTF-16le'; create table t (id integer primary key, word text);"
            "insert into t values (1, 'é' || char(9) || '€'), (2, cast(x'ffff' as text)), (3, cast(x'6100' as text));"
            "create table half (id integer primary key, word text); insert into half values (1, cast(x'3dd8' as text))"
        )
    source = await SqliteStore.open(file)
    try:
        await copy(source, target, tables=["t"])
        words = [row["word"] for row in await ask(target, "select word from t order by id")]
        assert words == ["é\t€", "\uffff", "a"]
        with pytest.raises(TransferError, match=r"half\.word cannot be read: .* is not UTF-8.*, at id=1"):
            await copy(source, target, tables=["half"])
    finally:
        await source.close()


async def test_long_texts_of_one_row_arrive_together(tmp_path: Path, target: PostgresStore) -> None:
    """Each is short enough for SQLite to spell, and their line is not."""
    file = tmp_path / "long.sqlite"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("create table t (id integer primary key, a text, b text)")
        connection.execute("insert into t values (1, 'a', 'b'), (2, ?, ?), (3, 'c', 'd')", ("a" * (5 << 20),) * 2)
        connection.commit()
    source = await SqliteStore.open(file)
    try:
        await copy(source, target)
        rows = await ask(target, "select id, length(a) as a, length(b) as b from t order by id")
        assert [(row["id"], row["a"], row["b"]) for row in rows] == [(1, 1, 1), (2, 5 << 20, 5 << 20), (3, 1, 1)]
    finally:
        await source.close()


_FINE = """
    create table fine (id integer primary key, moment timestamp, zoned timestamptz, clock time, loose datetime);
    insert into fine values
        (1, '2024-01-01 10:00:00.1234560', '2024-01-01 10:00:00.123456000+00:00', '10:00:00.1234560', null),
        (2, '2024-01-01 10:00:00.1234567', null, null, null),
        (3, null, '2024-01-01 10:00:00.0000001+00:00', null, null),
        (4, null, null, '10:00:00.9999999', null), (5, null, null, null, '2024-01-01T23:59:59,9999999');
"""
_CUT = "for it has a fraction beyond microseconds, which would be cut"


@pytest.mark.parametrize("into", ["postgres", "sqlite"])
async def test_a_fraction_beyond_microseconds_is_never_cut(into: str, tmp_path: Path, target: PostgresStore) -> None:
    """Copies and exports refuse it and name the row; zeros there are nothing, and a comparison finds what was cut."""
    with closing(sqlite3.connect(tmp_path / "fine.sqlite")) as connection:
        connection.executescript(_FINE)
    source = await SqliteStore.open(tmp_path / "fine.sqlite")
    other = target if into == "postgres" else await SqliteStore.open(tmp_path / "other.sqlite")
    try:
        with pytest.raises(TransferError, match=_CUT) as refused:
            await copy(source, other)
        assert all(f"fine.{column} " in str(refused.value) for column in ("moment", "zoned", "clock", "loose"))
        with pytest.raises(TransferError, match=_CUT):
            await export(source, tmp_path / "out")
        await source.run(lambda c: c.execute("update fine set moment = null where id = 2").close())
        await source.run(lambda c: c.execute("delete from fine where id > 2").close())
        await copy(source, other)
        assert (await verify(source, other)).equal
        await source.run(
            lambda c: c.execute("update fine set moment = '2024-01-01 10:00:00.1234567' where id = 1").close()
        )
        (found,) = (await verify(source, other)).tables
        assert [(each.key, each.columns) for each in found.differences] == [({"id": 1}, ("moment",))]
    finally:
        await source.close()
        if other is not target:
            await other.close()


async def test_an_infinite_document_is_named_before_and_while_it_stops_a_copy(
    tmp_path: Path, target: PostgresStore
) -> None:
    """SQLite makes a number of ``1e400`` in a column declared json: infinity."""
    with closing(sqlite3.connect(tmp_path / "endless.sqlite")) as connection:
        connection.executescript(
            "create table endless (id integer primary key, j json); insert into endless values (3, '1e400')"
        )
    source = await SqliteStore.open(tmp_path / "endless.sqlite")
    try:
        (found,) = (await plan_copy(source, target)).misfits
        assert (found.column, found.first) == ("j", ("id=3",))
        with pytest.raises(TransferError, match=r"endless\.j has a number that is infinite.*at id=3"):
            await copy(source, target)
    finally:
        await source.close()
