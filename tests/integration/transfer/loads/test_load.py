"""A load into tables that are there already: whose rows, which rules, what the checks afterwards find."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import psycopg
import pytest
from tests.integration.transfer.sql import ask, run

from datalayer.errors import StoreTimeoutError, TransferError
from datalayer.stores.postgres import PostgresStore
from datalayer.stores.sqlite import SqliteStore
from datalayer.transfer import verify
from datalayer.transfer.exports.exporting import export
from datalayer.transfer.loads.loading import load
from datalayer.transfer.reports import Progress

_SHOP = """
    create table goods (id integer primary key, title text not null, parent integer references goods (id));
    create table sales (id integer primary key, good integer references goods (id));
    with recursive n (i) as (select 1 union all select i + 1 from n where i < 1000)
    insert into goods select i, 'good ' || i, nullif(i + 1, 1001) from n;
    insert into sales select id, id from goods;
"""
_SHOP_TABLES = """
    create table goods (id bigint primary key, title text not null, parent bigint references goods);
    create table sales (id bigint primary key, good bigint references goods)
"""


class Stop(Exception):  # noqa: N818 - a test's own way out
    """Ends a load in its middle."""


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    """Lend the store that was exported to ``out``."""
    store = await SqliteStore.open(tmp_path / "shop.sqlite")
    await store.run(lambda connection: connection.executescript(_SHOP).close())
    await export(store, tmp_path / "out")
    yield store
    await store.close()


def _stop_in_sales(progress: Progress) -> None:
    if progress.table == "sales" and progress.rows >= 300:
        raise Stop


async def test_load_continues_behind_the_rows_it_wrote(
    shop: SqliteStore, target: PostgresStore, tmp_path: Path
) -> None:
    """After a break the rows counted so far are there, the next run begins behind them, a third has nothing to do."""
    with pytest.raises(Stop):
        await load(tmp_path / "out", target, jobs=1, chunk_rows=100, on_progress=_stop_in_sales)
    assert await ask(target, "select count(*) from sales") == [{"count": 300}]
    again = await load(tmp_path / "out", target, chunk_rows=100)
    assert {t.table: t.resumed_at for t in again.tables} == {"goods": 1000, "sales": 300}
    assert (await verify(shop, target)).equal
    await run(target, "update sales set good = 7 where id = 1")
    third = await load(tmp_path / "out", target)
    assert [t.resumed_at for t in third.tables] == [1000, 1000]
    assert await ask(target, "select good from sales where id = 1") == [{"good": 7}]


async def test_load_into_sqlite_continues_as_well(shop: SqliteStore, tmp_path: Path) -> None:
    """The checkpoint of a SQLite file is in the file."""
    target = await SqliteStore.open(tmp_path / "target.sqlite")
    try:
        with pytest.raises(Stop):
            await load(tmp_path / "out", target, jobs=1, chunk_rows=100, on_progress=_stop_in_sales)
        again = await load(tmp_path / "out", target, chunk_rows=100)
        assert {t.table: t.resumed_at for t in again.tables} == {"goods": 1000, "sales": 300}
        assert (await verify(shop, target)).equal
    finally:
        await target.close()


async def test_load_refuses_other_rows_unless_they_are_agreed_on(
    shop: SqliteStore, target: PostgresStore, tmp_path: Path
) -> None:
    """Rows that somebody else put there stay as they are; with upsert those with the same key are replaced."""
    await run(target, _SHOP_TABLES + "; insert into goods values (1, 'mine', null), (5000, 'mine too', null)")
    with pytest.raises(TransferError, match="already holds rows in goods; --upsert"):
        await load(tmp_path / "out", target)
    assert await ask(target, "select count(*) from sales") == [{"count": 0}]
    report = await load(tmp_path / "out", target, upsert=True, chunk_rows=100)
    assert report.rows == 2000
    kept = await ask(target, "select id, title from goods where id in (1, 5000) order by id")
    assert kept == [{"id": 1, "title": "good 1"}, {"id": 5000, "title": "mine too"}]
    await run(target, "update goods set title = 'changed' where id = 9; delete from goods where id = 5000")
    await load(tmp_path / "out", target, upsert=True)
    assert (await verify(shop, target)).equal


async def test_load_with_upsert_leaves_finished_rows_without_a_key(target: PostgresStore, tmp_path: Path) -> None:
    """Run again, perhaps as it was killed just before its end, it writes by key what has one, and refuses nothing."""
    store = await SqliteStore.open(tmp_path / "log.sqlite")
    try:
        await store.run(
            lambda connection: connection.executescript(
                "create table words (id integer primary key, word text); insert into words values (1, 'a'), (2, 'b');"
                "create table log (word text); insert into log values ('twice'), ('twice')"
            ).close()
        )
        await export(store, tmp_path / "out")
        await load(tmp_path / "out", target, upsert=True)
        await run(target, "update words set word = 'other' where id = 2")
        again = await load(tmp_path / "out", target, upsert=True)
        assert {t.table: t.resumed_at for t in again.tables} == {"log": 2, "words": 0}
        assert (await verify(store, target)).equal
    finally:
        await store.close()


@pytest.mark.parametrize(
    ("upsert", "said"), [(False, "goes on from there"), (True, "begins anew and writes by key")], ids=["new", "upsert"]
)
async def test_load_that_breaks_behind_its_last_row_says_what_another_run_does(
    tmp_path: Path, datalayer_database: str, target: PostgresStore, upsert: bool, said: str
) -> None:
    """With upsert that is a load of its own: what was finished may be old by then."""
    await run(target, "create table words (id bigint primary key, word text)")
    store = await SqliteStore.open(tmp_path / "words.sqlite")
    await store.run(
        lambda c: c.executescript(
            "create table words (id integer primary key, word text not null); insert into words values (1, 'a')"
        ).close()
    )
    await export(store, tmp_path / "out")
    await store.close()
    impatient = await PostgresStore.open(datalayer_database, max_size=3, timeout=0.5)
    try:
        with psycopg.connect(datalayer_database) as busy:

            def lock(_: Progress) -> None:
                busy.execute("lock table words in access exclusive mode")

            with pytest.raises(StoreTimeoutError, match=f"1 row in 1 table is kept; the same command again {said}"):
                await load(tmp_path / "out", impatient, upsert=upsert, on_progress=lock)
        again = await load(tmp_path / "out", impatient, upsert=upsert)
    finally:
        await impatient.close()
    assert [table.resumed_at for table in again.tables] == [0 if upsert else 1]


async def test_load_keeps_references_of_a_table_to_itself(
    shop: SqliteStore, target: PostgresStore, tmp_path: Path
) -> None:
    """Rows that refer to later ones arrive where the reference is enforced, over any number of chunks."""
    await run(target, _SHOP_TABLES)
    await load(tmp_path / "out", target, chunk_rows=10)
    assert (await verify(shop, target)).equal
    state = "select condeferrable from pg_constraint where contype = 'f' and conrelid = 'goods'::regclass"
    assert await ask(target, state) == [{"condeferrable": False}]


async def test_load_forgets_checkpoints_of_tables_that_were_emptied(
    shop: SqliteStore, target: PostgresStore, tmp_path: Path
) -> None:
    """A table that was truncated since is loaded again, and that is said."""
    await load(tmp_path / "out", target)
    await run(target, "truncate sales")
    report = await load(tmp_path / "out", target)
    assert "sales was loaded before and is empty now" in report.notes[0]
    assert (await verify(shop, target)).equal


async def test_load_says_that_rows_it_wrote_before_are_gone(
    shop: SqliteStore, target: PostgresStore, tmp_path: Path
) -> None:
    """They may have been deleted for good; the option that the note names brings them back."""
    await load(tmp_path / "out", target)
    assert (await load(tmp_path / "out", target)).notes == ()
    await run(target, "delete from sales where id > 400")
    notes = (await load(tmp_path / "out", target)).notes
    assert notes == (
        "sales was loaded before, and 400 of 1,000 rows are there now: a load with --upsert brings the others back",
    )
    assert (await load(tmp_path / "out", target, upsert=True)).notes == ()
    assert (await verify(shop, target)).equal


async def test_load_says_how_lost_rows_without_a_key_come_back(target: PostgresStore, tmp_path: Path) -> None:
    """A load with --upsert leaves such a table as it is; an emptied one is loaded again."""
    store = await SqliteStore.open(tmp_path / "log.sqlite")
    try:
        await store.run(
            lambda c: c.executescript("create table log (n integer); insert into log values (1), (2)").close()
        )
        await export(store, tmp_path / "out")
        await load(tmp_path / "out", target)
        await run(target, "delete from log where n = 1")
        for upsert in (False, True):
            notes = (await load(tmp_path / "out", target, upsert=upsert)).notes
            assert notes == (
                "log was loaded before, and 1 of 2 rows is there now: empty the table and load again to have the others"
                " back",
            )
        await run(target, "delete from log")
        await load(tmp_path / "out", target)
        assert (await verify(store, target)).equal
    finally:
        await store.close()


async def test_load_keeps_triggers_quiet(shop: SqliteStore, target: PostgresStore, tmp_path: Path) -> None:
    """A trigger of the target does not touch loaded rows and is on afterwards."""
    await run(
        target,
        _SHOP_TABLES
        + """;
        create function spoil() returns trigger language plpgsql as $$ begin new.title = 'spoilt'; return new; end $$;
        create trigger spoil before insert or update on goods for each row execute function spoil()
        """,
    )
    await load(tmp_path / "out", target)
    assert (await verify(shop, target)).equal
    await run(target, "insert into goods values (7777, 'x')")
    assert await ask(target, "select title from goods where id = 7777") == [{"title": "spoilt"}]


async def test_load_names_the_value_that_does_not_fit(shop: SqliteStore, target: PostgresStore, tmp_path: Path) -> None:
    """Table, column, key and row are told; what came before stays, and after a repair the load goes on."""
    await run(target, "create table goods (id bigint primary key, title varchar(7) not null, parent bigint)")
    told = r"goods\.title is longer than the 7 characters .*, at id=100 \(row 100 of.*; 50 rows in 1 table are kept"
    with pytest.raises(TransferError, match=told):
        await load(tmp_path / "out", target, jobs=1, chunk_rows=50)
    assert await ask(target, "select count(*) from goods") == [{"count": 50}]
    await run(target, "alter table goods alter title type text")
    report = await load(tmp_path / "out", target, chunk_rows=50)
    assert {t.table: t.resumed_at for t in report.tables} == {"goods": 50, "sales": 0}
    assert (await verify(shop, target)).equal


async def test_load_names_a_rule_of_the_target_that_rows_break(
    shop: SqliteStore, target: PostgresStore, tmp_path: Path
) -> None:
    """The constraint's name is told, the file and its line, no value, and the chunk is not there."""
    await run(target, "create table goods (id bigint primary key, title text, parent bigint, check (id <> 120))")
    with pytest.raises(TransferError, match=r"goods_id_check; at goods\.ndjson\.gz, line 120"):
        await load(tmp_path / "out", target, chunk_rows=50)
    assert await ask(target, "select max(id) from goods") == [{"max": 100}]


async def test_load_refuses_a_table_that_rows_do_not_fit_into(
    shop: SqliteStore, target: PostgresStore, tmp_path: Path
) -> None:
    """Everything that is wrong with the schemas is told at once, before any row."""
    await run(target, "create table goods (id bigint primary key, parent date, more text not null)")
    with pytest.raises(
        TransferError, match=r"lacks the column title; goods\.more is NOT NULL .*; goods\.parent is date"
    ):
        await load(tmp_path / "out", target)


async def test_checks_afterwards_find_what_the_target_does_not_ask_for(tmp_path: Path, target: PostgresStore) -> None:
    """References of the source that the target's own tables lack are checked, and a NULL that a transform made."""
    source = await SqliteStore.open(tmp_path / "orphans.sqlite")
    try:
        await source.run(
            lambda connection: connection.executescript(
                "pragma foreign_keys = off; create table parents (id integer primary key, name text not null);"
                "create table children (id integer primary key, parent integer references parents (id));"
                "insert into parents values (1, 'a'); insert into children values (1, 1), (2, 99);"
                "pragma foreign_keys = on"
            ).close()
        )
        await export(source, tmp_path / "out")
    finally:
        await source.close()
    await run(
        target,
        "create table parents (id bigint primary key, name text);"
        "create table children (id bigint primary key, parent bigint)",
    )
    report = await load(
        tmp_path / "out",
        target,
        transform=lambda table, row: (table, row | {"name": None}) if table == "parents" else (table, row),
    )
    assert report.problems == (
        "1 row of children (parent) refers to rows that parents lacks",
        "1 row of parents has no name, which the source requires",
    )


async def test_load_names_orphans_where_it_made_the_tables(tmp_path: Path, target: PostgresStore) -> None:
    """The reference cannot be added; the rows are named by key."""
    source = await SqliteStore.open(tmp_path / "orphans.sqlite")
    try:
        await source.run(
            lambda connection: connection.executescript(
                "pragma foreign_keys = off; create table parents (id integer primary key);"
                "create table children (id integer primary key, parent integer references parents (id));"
                "insert into children values (2, 99); pragma foreign_keys = on"
            ).close()
        )
        await export(source, tmp_path / "out")
        report = await load(tmp_path / "out", target)
        assert report.problems == (
            "1 row of children (parent) refers to rows that parents lacks, first at id=2;"
            " mend them, then run the load again",
        )
    finally:
        await source.close()


async def test_two_loads_at_once_write_no_row_twice(
    shop: SqliteStore, target: PostgresStore, datalayer_database: str, tmp_path: Path
) -> None:
    """The one that comes second to a checkpoint gives up; nothing is doubled."""

    def load_another(progress: Progress) -> None:
        if progress.table == "sales" and progress.rows == 300:
            with psycopg.connect(datalayer_database, autocommit=True) as connection:
                connection.execute("update datalayer_loads set rows_read = 400 where source_table = 'sales'")

    with pytest.raises(TransferError, match="sales is being loaded by another process too"):
        await load(tmp_path / "out", target, chunk_rows=100, on_progress=load_another)
    assert await ask(target, "select count(*) from sales") == [{"count": 300}]
