"""A name that the target has for something else than a table: nobody can make the table, and that is told at once."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from tests.integration.transfer.commands import finished
from tests.integration.transfer.sql import ask, run

from datalayer.cli.errors import ExitCode
from datalayer.errors import RefusedError
from datalayer.stores.postgres import PostgresStore
from datalayer.stores.sqlite import SqliteStore
from datalayer.transfer import copy, plan_copy
from datalayer.transfer.exports.exporting import export
from datalayer.transfer.loads.loading import load
from datalayer.transfer.schemas.comparing import compare_schemas
from datalayer.transfer.schemas.reports import Weight

_TABLES = "create table a (id int primary key); create table goods (id int primary key)"
_IN_POSTGRES = {
    "view": "create view goods as select 1 as id",
    "materialized view": "create materialized view goods as select 1 as id",
    "sequence": "create sequence goods",
    "index": "create table other (id int); create index goods on other (id)",
    "partition": (
        "create table other (id int) partition by list (id); create table goods partition of other for values in (1)"
    ),
    "type": "create type goods as enum ('x')",
}
_IN_SQLITE = {
    "view": "create view Goods as select 1 as id",
    "index": "create table other (id int); create index goods on other (id)",
    "virtual table": "create virtual table goods using fts5(word)",
}


def _told(word: str) -> str:
    return f"the target has a {word} goods, and a table of that name cannot be made".replace("a index", "an index")


@pytest.mark.parametrize("word", _IN_POSTGRES)
async def test_name_that_postgres_has_for_something_else(
    origin: PostgresStore, target: PostgresStore, tmp_path: Path, word: str
) -> None:
    """The plan, the copy, the load and the comparison of schemas say so; no table is made."""
    await run(origin, _TABLES)
    await run(target, _IN_POSTGRES[word])
    for attempt in (plan_copy, copy):
        with pytest.raises(RefusedError, match=_told(word)):
            await attempt(origin, target)
    await export(origin, tmp_path / "out")
    with pytest.raises(RefusedError, match=_told(word)):
        await load(tmp_path / "out", target)
    assert await ask(target, "select to_regclass('a') as made") == [{"made": None}]
    differences = (await compare_schemas(origin, target, tables=["goods"])).differences
    assert [d.weight for d in differences] == [Weight.BLOCKS]


@pytest.mark.parametrize("word", _IN_SQLITE)
async def test_name_that_sqlite_has_for_something_else(origin: PostgresStore, tmp_path: Path, word: str) -> None:
    """It takes names lightly as to case."""
    await run(origin, _TABLES)
    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection:
        connection.executescript(_IN_SQLITE[word])
    file = await SqliteStore.open(tmp_path / "shop.db")
    try:
        for attempt in (plan_copy, copy):
            with pytest.raises(RefusedError, match=_told(word)):
                await attempt(origin, file, tables=["a", "goods"])
        differences = (await compare_schemas(origin, file, tables=["goods"])).differences
        assert [d.weight for d in differences] == [Weight.BLOCKS]
        assert "a" not in (await file.catalog(refresh=True)).tables
    finally:
        await file.close()


async def test_view_elsewhere_on_the_search_path_is_in_nobodys_way(
    origin: PostgresStore, target: PostgresStore, datalayer_database: str
) -> None:
    """Tables are made in the first schema."""
    await run(origin, _TABLES)
    await run(target, "create schema mine; create view goods as select 1 as id")
    url = f"{datalayer_database}{'&' if '?' in datalayer_database else '?'}options=-csearch_path%3Dmine,public"
    store = await PostgresStore.open(url, max_size=3)
    try:
        await copy(origin, store, tables=["goods"])
    finally:
        await store.close()
    assert await ask(target, "select to_regclass('mine.goods')::text as made") == [{"made": "mine.goods"}]


async def test_plan_on_the_command_line_ends_as_the_copy_does(
    origin: PostgresStore, target: PostgresStore, second_database: str, datalayer_database: str
) -> None:
    """With the same code."""
    await run(origin, _TABLES)
    await run(target, _IN_POSTGRES["view"])
    both = ["--source", second_database, "--target", datalayer_database]
    codes = {await finished(["copy", *both]), await finished(["copy", *both, "--dry-run"])}
    assert codes == {ExitCode.FAILED}
