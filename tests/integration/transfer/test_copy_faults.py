"""Moves out of and into a Supabase whose gateway refuses, fails, cuts and stalls in the middle of pages."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest
import stamina
from tests.integration.supabase.proxy import Fault, FaultyProxy, Reaction, reply
from tests.integration.transfer.commands import end, finished, going_on, start, until
from tests.integration.transfer.sql import ask, run

from datalayer.cli.app import run as run_command
from datalayer.cli.errors import ExitCode
from datalayer.errors import DataLayerError
from datalayer.servers.postgrest import PostgrestServer
from datalayer.stores.postgres import PostgresStore
from datalayer.stores.supabase import SupabaseStore
from datalayer.transfer import copy, sync, verify
from datalayer.transfer.exports.exporting import export
from datalayer.transfer.loads.loading import load

_ROWS = 25_000
_FILL = f"""
    drop table if exists amounts;
    create table amounts (a int, b text, amount numeric, primary key (a, b));
    insert into amounts select n / 10, 'row "' || n || '", (x)', n / 7.0 from generate_series(1, {_ROWS}) n
"""
_SUM = "select count(*), count(distinct (a, b)), sum(hashtextextended(t::text, 0)) from amounts t"


@pytest.fixture(autouse=True)
def _without_pauses() -> Iterator[None]:
    """Let whoever asks again do so at once, and as often as ever: these tests are about rows, not about how long."""
    with stamina.set_testing(True, attempts=100, cap=True):
        yield


@pytest.fixture
async def rest(datalayer_postgrest: PostgrestServer) -> AsyncIterator[PostgrestServer]:
    """Lend a PostgREST with a table of 25,000 rows."""
    with psycopg.connect(datalayer_postgrest.dsn, autocommit=True) as connection:
        connection.execute(_FILL)
        datalayer_postgrest.reload_schema()
        yield datalayer_postgrest
        connection.execute("drop table amounts")
    datalayer_postgrest.reload_schema()


@pytest.fixture
def there(rest: PostgrestServer) -> dict[str, object]:
    """Return what the source holds."""
    return _inside(rest)


async def _here(target: PostgresStore) -> dict[str, object]:
    query = _SUM.replace("count(distinct (a, b)),", 'count(distinct (a, b)) as "distinct",')
    (row,) = await ask(target, query)
    return dict(row)


def _faults() -> list[Reaction | None]:
    return [
        reply(429, "Retry-After: 0"),
        reply(500, body="oops"),
        None,
        reply(503),
        Fault.CUT_ANSWER,
        Fault.CUT_REQUEST,
        None,
        Fault.STALL,
        *[reply(503)] * 6,
    ]


async def test_copy_brings_every_row_through_a_failing_gateway(
    rest: PostgrestServer, there: dict[str, object], target: PostgresStore
) -> None:
    """Each way of failing, between and inside of pages, is waited out; no row is missing or doubled, numerics exact."""
    faults = _faults()
    async with FaultyProxy(rest.url) as proxy:
        source = await SupabaseStore.open(proxy.url, rest.service_key, timeout=2.0)
        try:
            report = await copy(source, target, tables=["amounts"], on_progress=lambda _: _next(proxy, faults))
        finally:
            await source.close()
    assert report.rows == _ROWS
    assert await _here(target) == there
    assert there["distinct"] == _ROWS


def _next(proxy: FaultyProxy, faults: list[Reaction | None]) -> None:
    """Let the requests after this row of the copy meet the next two reactions."""
    for _ in range(min(2, len(faults))):
        reaction = faults.pop(0)
        if reaction is not None:
            proxy.script.append(reaction)


async def test_copy_goes_on_behind_the_last_part_when_the_gateway_was_away_for_long(
    rest: PostgrestServer, there: dict[str, object], target: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the last attempt the error says what is kept; the same call again reads only what is missing."""
    monkeypatch.setattr("datalayer.transfer.readers.patience._ATTEMPTS", 2)
    async with FaultyProxy(rest.url) as proxy:
        source = await SupabaseStore.open(proxy.url, rest.service_key, timeout=2.0)
        try:
            with pytest.raises(DataLayerError, match=r"[\d,]+ rows in 1 table are kept; the same command again"):
                await copy(source, target, tables=["amounts"], on_progress=lambda p: _shut(proxy, p.rows))
            kept = (await _here(target))["count"]
            assert isinstance(kept, int)
            assert 0 < kept < _ROWS
            proxy.script.clear()
            proxy.seen.clear()
            assert (await copy(source, target, tables=["amounts"])).rows == _ROWS
            asked = sum(line.startswith("GET /amounts") for line in proxy.seen)
            assert asked <= (_ROWS - kept) // 1000 + 6
        finally:
            await source.close()
    assert await _here(target) == there


def _shut(proxy: FaultyProxy, rows: int) -> None:
    if rows > _ROWS // 2 and not proxy.script:
        proxy.script.extend([reply(503)] * 100)


async def test_export_and_verify_read_every_row_through_a_failing_gateway(
    rest: PostgrestServer, there: dict[str, object], target: PostgresStore, tmp_path: Path
) -> None:
    """The same for an export, which loads equal, and for verify, on either side."""
    async with FaultyProxy(rest.url) as proxy:
        source = await SupabaseStore.open(proxy.url, rest.service_key, timeout=2.0)
        try:
            faults = _faults()
            report = await export(
                source, tmp_path / "out", tables=["amounts"], on_progress=lambda _: _next(proxy, faults)
            )
            assert (report.manifest.rows, faults) == (_ROWS, [])
            await load(tmp_path / "out", target)
            assert await _here(target) == there

            proxy.meant = "GET /amounts"
            for sides in ((source, target), (target, source)):
                # A count may take a minute before it is asked again.
                proxy.script.extend(fault for fault in _faults() if fault not in (None, Fault.STALL))
                assert (await verify(*sides, tables=["amounts"])).equal
                assert not proxy.script
        finally:
            await source.close()


@pytest.mark.parametrize("how", ["copy", "load", "sync"])
async def test_every_row_arrives_behind_a_failing_gateway(
    rest: PostgrestServer, there: dict[str, object], how: str, target: PostgresStore, tmp_path: Path
) -> None:
    """Upserts whose answers are lost are sent again, and write nothing twice."""
    source = target
    await run(source, _FILL)
    _empty(rest)
    await export(source, tmp_path / "out", tables=["amounts"])
    faults = _faults()
    async with FaultyProxy(rest.url) as proxy:
        into = await SupabaseStore.open(proxy.url, rest.service_key, timeout=2.0)
        try:
            if how == "copy":
                await copy(source, into, tables=["amounts"], on_progress=lambda _: _next(proxy, faults))
            elif how == "load":
                await load(tmp_path / "out", into, tables=["amounts"], on_progress=lambda _: _next(proxy, faults))
            else:
                await sync(source, into, column="a", on_progress=lambda _: _next(proxy, faults))
        finally:
            await into.close()
    assert len(faults) < len(_faults())
    assert _inside(rest) == there


async def test_copy_into_supabase_that_broke_off_begins_anew_and_ends_equal(
    rest: PostgrestServer, there: dict[str, object], target: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No progress can be kept there: the error says so, and rows are written by key once more, none twice."""
    monkeypatch.setattr("datalayer.transfer.readers.patience._ATTEMPTS", 2)
    await run(target, _FILL)
    _empty(rest)
    async with FaultyProxy(rest.url) as proxy:
        into = await SupabaseStore.open(proxy.url, rest.service_key, timeout=2.0)
        try:
            with pytest.raises(DataLayerError, match="rows in 1 table are kept; the same command again begins anew"):
                await copy(target, into, tables=["amounts"], on_progress=lambda p: _shut(proxy, p.rows))
            kept = _inside(rest)["count"]
            assert isinstance(kept, int)
            assert 0 < kept < _ROWS
            proxy.script.clear()
            assert (await copy(target, into, tables=["amounts"])).rows == _ROWS
        finally:
            await into.close()
    assert _inside(rest) == there


async def test_load_into_supabase_that_broke_off_goes_on_with_upsert(
    rest: PostgrestServer,
    there: dict[str, object],
    target: PostgresStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Its own rows cannot be told from those of others: the command that goes on has the option that it needs."""
    monkeypatch.setattr("datalayer.transfer.readers.patience._ATTEMPTS", 2)
    monkeypatch.setenv("SUPABASE_SERVICE_ROLE_KEY", rest.service_key)
    await run(target, _FILL)
    await export(target, tmp_path / "out", tables=["amounts"])
    _empty(rest)
    async with FaultyProxy(rest.url) as proxy:
        url = proxy.url.replace("http://", "supabase+http://")
        arguments = ("load", str(tmp_path / "out"), "--target", url)
        loading = asyncio.create_task(asyncio.to_thread(run_command, arguments))
        while not loading.done() and not any(line.startswith("POST") for line in proxy.seen):
            await asyncio.wait([loading], timeout=0.01)
        proxy.script.extend([reply(503)] * 1000)
        assert await loading == ExitCode.UNAVAILABLE
        proxy.script.clear()
        line = capsys.readouterr().err.splitlines()[-1]
        assert line == f"to go on: datalayer {' '.join(arguments)} --upsert"
        assert 0 < int(str(_inside(rest)["count"])) < _ROWS
        assert await asyncio.to_thread(run_command, [*arguments, "--upsert"]) == ExitCode.OK
    assert _inside(rest) == there


async def test_load_into_supabase_that_is_told_to_stop_goes_on_with_upsert(
    rest: PostgrestServer,
    there: dict[str, object],
    target: PostgresStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An interruption says the same as an error: what is kept, and the command with the option that it needs."""
    monkeypatch.setenv("SUPABASE_SERVICE_ROLE_KEY", rest.service_key)
    await run(target, _FILL)
    await export(target, tmp_path / "out", tables=["amounts"])
    _empty(rest)
    async with FaultyProxy(rest.url) as proxy:
        proxy.meant = "POST "
        proxy.script.extend([*[None] * 12, *[Fault.STALL] * 1000])
        arguments = ["load", str(tmp_path / "out"), "--target", proxy.url.replace("http://", "supabase+http://")]
        process = await start(arguments)
        await until(lambda: len(proxy.script) < 1000)
        process.send_signal(signal.SIGINT)
        code, lines = await end(process)
        assert code == ExitCode.INTERRUPTED, lines
        told, said, line = (line for line in lines if not line.startswith("loading "))
        assert told == (
            "at least 10,000 rows in 1 table are kept;"
            " the same command again with --upsert begins anew and writes by key"
        )
        assert said == "error: interrupted"
        assert line == going_on([*arguments, "--upsert"])
        assert 0 < int(str(_inside(rest)["count"])) < _ROWS
        proxy.script.clear()
        assert await finished([*arguments, "--upsert"]) == ExitCode.OK
    assert _inside(rest) == there


async def test_load_into_supabase_that_broke_off_behind_its_last_row_goes_on_with_upsert(
    rest: PostgrestServer, target: PostgresStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is looked up in the end fails as what is written does: the rows are there, and no checkpoint tells whose."""
    monkeypatch.setattr("datalayer.transfer.readers.patience._ATTEMPTS", 2)
    await run(target, _FILL)
    await export(target, tmp_path / "out", tables=["amounts"])
    _empty(rest)
    async with FaultyProxy(rest.url) as proxy:
        into = await SupabaseStore.open(proxy.url, rest.service_key, timeout=2.0)
        told = f"{_ROWS:,} rows in 1 table are kept; the same command again with --upsert begins anew"
        try:
            with pytest.raises(DataLayerError, match=told) as caught:
                await load(tmp_path / "out", into, on_progress=lambda p: _shut_behind(proxy, p.rows))
        finally:
            await into.close()
    assert caught.value.goes_on_with == ("--upsert",)


def _shut_behind(proxy: FaultyProxy, rows: int) -> None:
    if rows == _ROWS:
        proxy.script.extend([reply(503)] * 100)


def _empty(rest: PostgrestServer) -> None:
    with psycopg.connect(rest.dsn, autocommit=True) as connection:
        connection.execute("truncate amounts")


def _inside(rest: PostgrestServer) -> dict[str, object]:
    """Return what the database behind PostgREST holds."""
    with psycopg.connect(rest.dsn) as connection:
        row = connection.execute(_SUM).fetchone()
    assert row is not None
    return {"count": row[0], "distinct": row[1], "sum": row[2]}
