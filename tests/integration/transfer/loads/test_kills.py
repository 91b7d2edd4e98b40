"""A load that is killed at random moments and run again ends equal, every time."""

from __future__ import annotations

import asyncio
import os
import random
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from pathlib import Path
from time import perf_counter

import pytest

from datalayer.stores.contract import Store
from datalayer.stores.opening import open_store
from datalayer.stores.sqlite import SqliteStore
from datalayer.testing.servers import FoundServer
from datalayer.transfer import verify
from datalayer.transfer.exports.exporting import export

#: How often a load is killed; DATALAYER_KILLS sets another number.
_KILLS = int(os.environ.get("DATALAYER_KILLS", "3"))
_PROGRAM = "import sys; from datalayer.cli.app import run; sys.exit(run(sys.argv[1:]))"
_SHOP = """
    pragma foreign_keys = off;
    create table goods (id integer primary key, title text not null, parent integer references goods (id));
    create table sales (good integer references goods (id), day date, amount decimal_text, note text,
        primary key (good, day));
    create table log (word text);
    with recursive n (i) as (select 1 union all select i + 1 from n where i < 20000)
    insert into goods select i, 'good ' || i, nullif(i + 1, 20001) from n;
    insert into sales
        select id, date('2024-01-01', '+' || (id % 300) || ' days'), id || '.50', 'note ' || id from goods;
    insert into log select 'twice' from goods;
    pragma foreign_keys = on;
"""


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    """Lend the store that was exported to ``out``: references to itself, a composite key, a table without a key."""
    store = await SqliteStore.open(tmp_path / "shop.sqlite")
    await store.run(lambda connection: connection.executescript(_SHOP).close())
    await export(store, tmp_path / "out")
    yield store
    await store.close()


async def _start(out: Path, url: str) -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", _PROGRAM, "load", str(out), "--target", url, stdout=PIPE, stderr=PIPE
    )


async def _load(out: Path, url: str) -> float:
    started = perf_counter()
    process = await _start(out, url)
    _, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return perf_counter() - started


async def _load_and_kill(out: Path, url: str, seconds: float) -> bool:
    process = await _start(out, url)
    try:
        await asyncio.wait_for(process.communicate(), seconds)
    except TimeoutError:
        process.kill()
        await process.wait()
        return True
    return False


async def _is_equal(source: Store, url: str) -> bool:
    target = await open_store(url)
    try:
        return (await verify(source, target)).equal
    finally:
        await target.close()


@pytest.mark.timeout(60 + 20 * _KILLS)
async def test_load_into_postgres_survives_kills(
    shop: SqliteStore, datalayer_postgres: FoundServer, tmp_path: Path
) -> None:
    """Wherever the process dies, the same command continues, and nothing is missing or doubled."""
    chance = random.Random()  # noqa: S311 - moments, not secrets
    with datalayer_postgres.fresh_database() as dsn:
        whole = await _load(tmp_path / "out", dsn)
    kills = 0
    while kills < _KILLS:
        with datalayer_postgres.fresh_database() as dsn:
            kills += await _load_and_kill(tmp_path / "out", dsn, chance.uniform(0.2, 1.0) * whole)
            kills += await _load_and_kill(tmp_path / "out", dsn, chance.uniform(0.2, 1.0) * whole)
            await _load(tmp_path / "out", dsn)
            assert await _is_equal(shop, dsn)


@pytest.mark.timeout(60 + 20 * _KILLS)
async def test_load_into_sqlite_survives_kills(shop: SqliteStore, tmp_path: Path) -> None:
    """The same for a file, which has no server to tidy up behind a dead client."""
    chance = random.Random()  # noqa: S311 - moments, not secrets
    whole = await _load(tmp_path / "out", f"sqlite:///{tmp_path / 'whole.sqlite'}")
    kills = 0
    while kills < _KILLS:
        url = f"sqlite:///{tmp_path / f'killed{kills}.sqlite'}"
        kills += await _load_and_kill(tmp_path / "out", url, chance.uniform(0.2, 1.0) * whole)
        kills += await _load_and_kill(tmp_path / "out", url, chance.uniform(0.2, 1.0) * whole)
        await _load(tmp_path / "out", url)
        assert await _is_equal(shop, url)
