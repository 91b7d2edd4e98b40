"""Copy as an operator sees it: the plan, the rate, what breaks it off, what is kept, what goes on."""

from __future__ import annotations

import json
import sqlite3
import tracemalloc
from collections.abc import Callable
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from time import perf_counter

import psycopg
import pytest
from tests.integration.transfer.sql import ask, run

from datalayer.cli.errors import ExitCode, exit_code
from datalayer.errors import OrphanedRowsError, TransferError, UnavailableError, UnknownTableError
from datalayer.query import Delete
from datalayer.stores.postgres import PostgresStore
from datalayer.stores.sqlite import SqliteStore
from datalayer.transfer import Progress, copy, plan_copy, verify

_TABLES = """
    create table a (id int primary key, word text);
    create table b (id int primary key, a_id int references a);
    create table keyless (n int, wide text);
    insert into a select n, repeat('word ', 20) from generate_series(1, 60000) n;
    insert into b select n, n from generate_series(1, 20000) n;
    insert into keyless select n, repeat('wide ', 50) from generate_series(1, 60000) n
"""


def _once(act: Callable[[], None], *, table: str, beyond: int = 0) -> Callable[[Progress], None]:
    """Act when the copy of a table has come beyond some rows."""
    left = [act]

    def hear(progress: Progress) -> None:
        if left and progress.table == table and progress.rows > beyond:
            left.pop()()

    return hear


def _do(dsn: str, script: str) -> Callable[[], None]:
    def act() -> None:
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(script.encode())

    return act


async def test_plan_tells_order_method_and_changes_nothing(origin: PostgresStore, target: PostgresStore) -> None:
    """The plan has every table with its way in."""
    await run(origin, _TABLES + "; analyze")
    await run(target, "create table a (id int primary key, word varchar(200)); insert into a values (0, 'mine')")
    plan = await plan_copy(origin, target)
    assert [(t.table, t.rows, t.created, t.method) for t in plan.tables] == [
        ("a", 60_000, False, "COPY, value by value, into a temporary table, then an upsert by (id)"),
        ("keyless", 60_000, True, "a new table"),
        ("b", 20_000, True, "a new table"),
    ]
    json.dumps(plan.as_json())
    assert (await target.catalog(refresh=True)).tables.keys() == {"a"}
    await run(target, "create table keyless (n int, wide text); insert into keyless values (1, '')")
    method = (await plan_copy(origin, target, tables=["keyless"])).tables[0].method
    assert (
        method == "COPY, the bytes as they come, into a temporary table, then the missing rows, by all of their values"
    )
    assert (await plan_copy(origin, target, tables=["b"])).tables[0].created


@pytest.mark.parametrize("binary", [True, False])
async def test_held_back_copy_moves_no_burst_of_narrow_rows(
    origin: PostgresStore, target: PostgresStore, binary: bool
) -> None:
    """A block of bytes has thousands of them, and goes in fifths of a second."""
    await run(origin, "create table n (n int primary key, at money); insert into n select generate_series(1, 6000)")
    if binary:
        await run(origin, "alter table n drop column at")
    seen = [0]
    await copy(origin, target, max_rate=6000, on_progress=lambda progress: seen.append(progress.rows))
    assert seen[-1] == 6000
    assert max(later - earlier for earlier, later in pairwise(seen)) <= 6000 / 5


async def test_copy_keeps_rows_that_only_the_target_has(origin: PostgresStore, target: PostgresStore) -> None:
    """A target with other rows keeps them; those with the same key become the source's."""
    await run(origin, "create table t (id int primary key, word text); insert into t values (1, 'new'), (2, 'two')")
    await run(target, "create table t (id int primary key, word text); insert into t values (1, 'old'), (9, 'mine')")
    await copy(origin, target)
    assert await ask(target, "select * from t order by id") == [
        {"id": 1, "word": "new"},
        {"id": 2, "word": "two"},
        {"id": 9, "word": "mine"},
    ]


async def test_copy_goes_on_after_the_target_was_lost(
    origin: PostgresStore, target: PostgresStore, datalayer_database: str, second_database: str
) -> None:
    """Parts that were written are kept and not written again, in a table without a key, too."""
    # A connection that ends reports its changes at once: a table that seems changed would be begun again.
    _do(second_database, _TABLES)()
    cut = (
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where application_name = 'datalayer' and query ~ '^copy' and datname = current_database()"
    )
    act = _do(datalayer_database, cut)
    with pytest.raises(UnavailableError, match=r"rows in \d tables? are kept; the same command again") as caught:
        await copy(origin, target, jobs=1, on_progress=_once(act, table="keyless", beyond=30_000))
    assert exit_code(caught.value) is ExitCode.UNAVAILABLE
    first = await ask(target, "select ctid::text from keyless where n < 1000 order by n")
    assert first
    kept = await ask(target, "select count(*) from keyless")
    report = await copy(origin, target)
    assert report.notes[0] == (
        f"60,000 rows of a, {kept[0]['count']:,} rows of keyless and 20,000 rows of b are from an earlier run, as the"
        " source had them then; `datalayer verify` tells whether it still has them"
    )
    assert {t.table: t.rows for t in report.tables} == {"a": 60_000, "b": 20_000, "keyless": 60_000}
    assert await ask(target, "select ctid::text from keyless where n < 1000 order by n") == first
    assert (await verify(origin, target)).equal
    assert "datalayer_copy_progress" not in (await target.catalog(refresh=True)).tables


async def test_copy_begins_again_where_another_file_has_taken_the_place_of_the_source(
    tmp_path: Path, target: PostgresStore
) -> None:
    """Also one with the same tables and counts."""
    script = (
        "create table t (id integer primary key, word text); with recursive n (i) as (select 1 union all select i + 1"
        " from n where i < 60000) insert into t select i, '{word}' from n"
    )
    for word in ("old", "new"):
        with closing(sqlite3.connect(tmp_path / word)) as connection:
            connection.executescript(script.format(word=word))
            connection.commit()
    source = await SqliteStore.open(tmp_path / "old")

    def stop(progress: Progress) -> None:
        if progress.rows > 30_000:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        await copy(source, target, jobs=1, on_progress=stop)
    await source.close()
    assert await ask(target, "select count(*) > 0 as some from t") == [{"some": True}]
    (tmp_path / "new").replace(tmp_path / "old")
    source = await SqliteStore.open(tmp_path / "old")
    try:
        await copy(source, target)
    finally:
        await source.close()
    assert await ask(target, "select word, count(*) from t group by 1") == [{"word": "new", "count": 60_000}]


async def test_copy_begins_a_table_again_that_is_another_one(
    origin: PostgresStore, target: PostgresStore, second_database: str
) -> None:
    """Progress counts for the table that it was made for only: not after it was emptied or made anew."""
    await run(origin, _TABLES)
    act = _do(second_database, "drop table keyless")
    with pytest.raises(UnknownTableError, match=r"keyless.* does not exist \([\d,]+ rows in \d tables? are kept"):
        await copy(origin, target, jobs=1, on_progress=_once(act, table="a"))
    await run(origin, "create table keyless (n int, wide text); insert into keyless values (1, 'one')")
    await run(target, "truncate a cascade")
    report = await copy(origin, target)
    assert {t.table: t.rows for t in report.tables} == {"a": 60_000, "b": 20_000, "keyless": 1}
    assert (await verify(origin, target)).equal


@pytest.mark.parametrize("into", ["postgres", "sqlite"])
async def test_copy_begins_a_table_again_that_was_emptied_row_by_row(
    origin: PostgresStore, target: PostgresStore, second_database: str, tmp_path: Path, into: str
) -> None:
    """It is the table that it was, and none of the written rows is left."""
    file = await SqliteStore.open(tmp_path / "target.sqlite")
    store = target if into == "postgres" else file
    try:
        _do(second_database, _TABLES)()
        act = _do(second_database, "drop table keyless")
        with pytest.raises(UnknownTableError):
            await copy(origin, store, jobs=1, on_progress=_once(act, table="a"))
        await store.delete(Delete("a", every_row=True))
        report = await copy(origin, store)
        assert {t.table: t.rows for t in report.tables} == {"a": 60_000, "b": 20_000}
        # SQLite has one writer, which had not come to the other table.
        assert [note.partition(" are from")[0] for note in report.notes] == (
            ["20,000 rows of b"] if into == "postgres" else []
        )
        assert (await verify(origin, store, tables=["a", "b"])).equal
    finally:
        await file.close()


async def test_copy_begins_a_partitioned_table_again_that_has_changed(
    origin: PostgresStore, target: PostgresStore, datalayer_database: str, second_database: str
) -> None:
    """Its rows are counted in its partitions, on either side; it has none itself."""
    parts = """
        create table parted (id int primary key) partition by range (id);
        create table low partition of parted for values from (0) to (100);
        create table high partition of parted for values from (100) to (1000)
    """
    other = "create table parted_too (id int primary key); insert into parted_too values (1)"
    _do(second_database, f"{parts}; insert into parted select generate_series(1, 400); {other}")()
    await run(target, parts)
    assert [t.rows for t in (await plan_copy(origin, target, tables=["parted"])).tables] == [400]
    # A connection that ends reports its changes at once.
    changes = (second_database, "insert into parted values (401), (402)"), (datalayer_database, "truncate low")
    for change in changes:
        act = _do(second_database, "drop table parted_too")
        with pytest.raises(UnknownTableError):
            await copy(origin, target, jobs=1, on_progress=_once(act, table="parted"))
        _do(*change)()
        await run(origin, other)
        await copy(origin, target)
        assert (await verify(origin, target)).equal


async def test_copy_writes_over_rows_that_came_in_between(
    origin: PostgresStore, target: PostgresStore, datalayer_database: str
) -> None:
    """Somebody's row with a key of a later part does not stop the copy into what was an empty table."""
    await run(origin, _TABLES)
    act = _do(datalayer_database, "insert into a values (59999, 'somebody')")
    await copy(origin, target, tables=["a"], jobs=1, on_progress=_once(act, table="a"))
    assert (await verify(origin, target, tables=["a"])).equal


async def test_two_copies_into_one_database_are_refused(
    origin: PostgresStore, target: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second is told to wait; the first is not disturbed."""
    monkeypatch.setattr("datalayer.transfer.writers.transactions._PATIENCE", "100ms")
    await run(origin, "create table t (id int primary key); insert into t values (1)")
    async with target.connection() as connection, connection.transaction():
        await connection.execute("select pg_advisory_xact_lock(%s)", [0x6461_7461_6C61_7965])
        with pytest.raises(TransferError, match="another copy or load into this database is at work"):
            await copy(origin, target)
    await copy(origin, target)


async def test_copy_keeps_to_the_largest_rate(origin: PostgresStore, target: PostgresStore) -> None:
    """Rows are held back, and all arrive."""
    await run(origin, "create table t (id int primary key); insert into t select generate_series(1, 3000)")
    started = perf_counter()
    await copy(origin, target, max_rate=3000)
    assert perf_counter() - started >= 0.9
    with pytest.raises(TransferError, match="more than 0 rows a second"):
        await copy(origin, target, max_rate=0)


async def test_copy_takes_little_memory_for_wide_rows(origin: PostgresStore, target: PostgresStore) -> None:
    """Rows of a megabyte do not come by the thousand, as bytes or as values."""
    await run(
        origin,
        "create table t (id int primary key, wide text, number int);"
        " insert into t select n, repeat(md5(n::text), 30000), n from generate_series(1, 200) n",
    )
    for declared in ("int", "bigint"):
        await run(target, f"drop table if exists t; create table t (id int primary key, wide text, number {declared})")
        tracemalloc.start()
        await copy(origin, target)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert most < 120e6
        assert await ask(target, "select count(*), sum(length(wide)) from t") == [{"count": 200, "sum": 192_000_000}]


@pytest.mark.parametrize("there", ["", "insert into goods values (9, 'nine', 'other')"])
async def test_row_that_another_one_leaves_no_room_for_is_named(
    origin: PostgresStore, target: PostgresStore, there: str
) -> None:
    """By its key, whether the table was empty or rows are written over what is there."""
    await run(origin, "create table goods (id integer primary key, kind text, title text)")
    await run(origin, "insert into goods select n, 'kind', 'title ' || n / 2 * 2 from generate_series(2, 8) n")
    await run(origin, "delete from goods where id in (3, 7)")
    await run(target, "create table goods (id integer primary key, kind text, title text, unique (kind, title))")
    await run(target, there)
    with pytest.raises(TransferError, match=r"constraint goods_kind_title_key; column kind, title; at id=5;") as told:
        await copy(origin, target)
    assert "title 4" not in str(told.value)


@pytest.mark.parametrize("there", ["", "insert into goods values (9, 'nine')"])
@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (
            "title text check (title <> 'title 5')",
            "a CHECK constraint is violated; constraint goods_title_check; at id=5;",
        ),
        ("title text unique, up integer references goods", "constraint goods_title_key; column title; at id=11;"),
    ],
)
async def test_row_that_breaks_a_rule_is_named(
    origin: PostgresStore, target: PostgresStore, there: str, columns: str, said: str
) -> None:
    """By its key also where rows are written over others, or refer to rows of their own table."""
    up = ", up integer" if "up" in columns else ""
    await run(origin, f"create table goods (id integer primary key, title text{up})")
    await run(origin, "insert into goods select n, 'title ' || n from generate_series(1, 10) n")
    await run(origin, "insert into goods values (11, 'title 2')")
    await run(target, f"create table goods (id integer primary key, {columns})")
    await run(target, there)
    with pytest.raises(TransferError, match=said):
        await copy(origin, target)


async def test_rows_that_a_resumed_copy_lacks_may_be_in_the_source(target: PostgresStore, tmp_path: Path) -> None:
    """Their table was read before they came; the next copy reads it again."""
    with closing(sqlite3.connect(tmp_path / "shop.sqlite")) as writer:
        writer.executescript(
            "create table brands (id integer primary key); insert into brands values (1);"
            "create table goods (id integer primary key, brand integer references brands (id));"
            "insert into goods values (1, 1), (2, 'x')"
        )
        source = await SqliteStore.open(tmp_path / "shop.sqlite")
        try:
            with pytest.raises(TransferError, match=r"goods\.brand cannot be read"):
                await copy(source, target, jobs=1)
            writer.executescript("insert into brands values (5); update goods set brand = 5 where id = 2")
            with pytest.raises(
                OrphanedRowsError, match="at id=2; the source may have them since an earlier run read it"
            ):
                await copy(source, target)
            await copy(source, target)
            assert (await verify(source, target)).equal
        finally:
            await source.close()
