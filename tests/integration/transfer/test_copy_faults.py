"""Copy out of a Supabase whose gateway refuses, fails, cuts and stalls in the middle of pages."""

from __future__ import annotations

from collections.abc import AsyncIterator

import psycopg
import pytest
from tests.integration.supabase.proxy import Fault, FaultyProxy, Reaction, reply
from tests.integration.transfer.sql import ask

from datalayer.errors import DataLayerError
from datalayer.servers.postgrest import PostgrestServer
from datalayer.stores.postgres import PostgresStore
from datalayer.stores.supabase import SupabaseStore
from datalayer.transfer import copy

_ROWS = 25_000
_FILL = f"""
    drop table if exists amounts;
    create table amounts (a int, b text, amount numeric, primary key (a, b));
    insert into amounts select n / 10, 'row "' || n || '", (x)', n / 7.0 from generate_series(1, {_ROWS}) n
"""
_SUM = "select count(*), count(distinct (a, b)), sum(hashtextextended(t::text, 0)) from amounts t"


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
    with psycopg.connect(rest.dsn) as connection:
        row = connection.execute(_SUM).fetchone()
    assert row is not None
    return {"count": row[0], "distinct": row[1], "sum": row[2]}


async def _here(target: PostgresStore) -> dict[str, object]:
    query = _SUM.replace("count(distinct (a, b)),", 'count(distinct (a, b)) as "distinct",')
    (row,) = await ask(target, query)
    return dict(row)


async def test_copy_brings_every_row_through_a_failing_gateway(
    rest: PostgrestServer, there: dict[str, object], target: PostgresStore
) -> None:
    """Each way of failing, between and inside of pages, is waited out; no row is missing or doubled, numerics exact."""
    faults: list[Reaction | None] = [
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
