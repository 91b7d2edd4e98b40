"""A load of several tables at a time: independent ones together, parents before children, in little memory."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.integration.transfer.sql import ask, run

from datalayer.errors import TransferError
from datalayer.stores.postgres import PostgresStore
from datalayer.stores.sqlite import SqliteStore
from datalayer.transfer import verify
from datalayer.transfer.exports.exporting import export
from datalayer.transfer.loads.loading import load
from datalayer.transfer.reports import Progress

_SHOP = """
    create table goods (id integer primary key, title text);
    create table sales (id integer primary key, good integer references goods (id));
    create table visits (page text);
    with recursive n (i) as (select 1 union all select i + 1 from n where i < 2000)
    insert into goods select i, 'good ' || i from n;
    insert into sales select id, id from goods;
    insert into visits select title from goods;
"""
_TABLES = """
    create table goods (id bigint primary key, title text);
    create table sales (id bigint primary key, good bigint references goods);
    create table visits (page text)
"""


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    """Lend the store that was exported to ``out``."""
    store = await SqliteStore.open(tmp_path / "shop.sqlite")
    await store.run(lambda connection: connection.executescript(_SHOP).close())
    await export(store, tmp_path / "out")
    yield store
    await store.close()


class Heard:
    """The tables of every progress, in turn."""

    def __init__(self) -> None:
        self.tables: list[str] = []

    def __call__(self, progress: Progress) -> None:
        """Hear of one progress."""
        self.tables.append(progress.table)

    def ended_before(self, first: str, second: str) -> bool:
        """Whether the last word of one table came before the first of another."""
        return max(p for p, t in enumerate(self.tables) if t == first) < self.tables.index(second)


async def test_independent_tables_are_loaded_together_and_parents_first(
    shop: SqliteStore, target: PostgresStore, tmp_path: Path
) -> None:
    """Chunks of two tables alternate; a child that the target holds to its parent waits for it."""
    await run(target, _TABLES)
    heard = Heard()
    await load(tmp_path / "out", target, jobs=3, chunk_rows=50, on_progress=heard)
    assert not heard.ended_before("goods", "visits")
    assert not heard.ended_before("visits", "goods")
    assert heard.ended_before("goods", "sales")
    assert (await verify(shop, target)).equal


async def test_one_job_loads_one_table_at_a_time(shop: SqliteStore, target: PostgresStore, tmp_path: Path) -> None:
    """Into tables that the load makes, which refer to each other only at its end, in any order."""
    heard = Heard()
    await load(tmp_path / "out", target, jobs=1, chunk_rows=50, on_progress=heard)
    assert [t for t, after in zip(heard.tables, [*heard.tables[1:], ""], strict=True) if t != after] == sorted(
        set(heard.tables), key=heard.tables.index
    )
    assert (await verify(shop, target)).equal
    assert await ask(target, "insert into sales (good) values (1) returning id") == [{"id": 2001}]


async def test_a_refused_row_is_named_by_file_and_line_and_the_rest_goes_on(
    shop: SqliteStore, target: PostgresStore, tmp_path: Path
) -> None:
    """What other tables had written is kept; the same load again continues everywhere."""
    await run(target, _TABLES.replace("page text", "page text constraint short check (page <> 'good 777')"))
    with pytest.raises(
        TransferError, match=r"on visits: .*; constraint short; at visits\.ndjson\.gz, line 777"
    ) as told:
        await load(tmp_path / "out", target, jobs=3, chunk_rows=50)
    assert "good 777" not in str(told.value)
    [counted] = await ask(target, "select (select count(*) from visits) visits, (select count(*) from goods) goods")
    assert counted["visits"] == 750
    assert counted["goods"] % 50 == 0
    await run(target, "alter table visits drop constraint short")
    again = await load(tmp_path / "out", target, jobs=3, chunk_rows=50)
    assert {t.table: t.resumed_at for t in again.tables}["visits"] == 750
    assert (await verify(shop, target)).equal


async def test_sqlite_names_the_line_as_well(shop: SqliteStore, tmp_path: Path) -> None:
    """It does not say itself which of many rows it refused."""
    file = await SqliteStore.open(tmp_path / "target.sqlite")
    try:
        await file.run(lambda c: c.execute("create table visits (page text check (page <> 'good 777'))").close())
        with pytest.raises(TransferError, match=r"visits refuses a row: CHECK .* at visits\.ndjson\.gz, line 777"):
            await load(tmp_path / "out", file, tables=["visits"], chunk_rows=50)
        assert await file.run(lambda c: c.execute("select count(*) from visits").fetchone()) == (750,)
    finally:
        await file.close()


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system does not tell a process's peak")
async def test_wide_rows_take_no_more_memory(tmp_path: Path, datalayer_database: str) -> None:
    """240 MB in rows of 2 MB, four tables at a time, go through less than 250 MB of memory."""
    source = await SqliteStore.open(tmp_path / "wide.sqlite")
    script = "".join(
        f"create table {name} (id integer primary key, wide text);"
        "with recursive n (i) as (select 1 union all select i + 1 from n where i < 30)"
        f" insert into {name} select i, replace(hex(zeroblob(1000000)), '0', 'x') from n;"
        for name in ("a", "b", "c", "d")
    )
    await source.run(lambda connection: connection.executescript(script).close())
    await export(source, tmp_path / "out")
    await source.close()
    program = (
        "import sys; from datalayer.cli.app import run; code = run(sys.argv[1:]);"
        "sys.stderr.write(next(l for l in open('/proc/self/status') if l.startswith('VmHWM')).split()[1]);"
        "sys.exit(code)"
    )
    arguments = ("load", str(tmp_path / "out"), "--target", datalayer_database, "--jobs", "4")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    _, told = await process.communicate()
    assert process.returncode == 0, told.decode()
    megabytes = int(told.decode().splitlines()[-1]) // 1024
    assert megabytes < 250
