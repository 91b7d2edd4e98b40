"""Random nasty schemas go round every way between the stores, and every value arrives.

``DATALAYER_EXAMPLES`` says how many schemas to try each way.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from tests.integration.transfer.nasty import Schema, empty_postgres, fill_postgres, fill_sqlite, holds, schemas

from datalayer.stores.contract import Store
from datalayer.stores.postgres import PostgresStore
from datalayer.stores.sqlite import SqliteStore
from datalayer.transfer import copy, verify
from datalayer.transfer.exports.checking import check_export
from datalayer.transfer.exports.exporting import export
from datalayer.transfer.loads.loading import load

EXAMPLES = int(os.environ.get("DATALAYER_EXAMPLES", "15"))

bounded = settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck), phases=[Phase.generate])


@asynccontextmanager
async def _file() -> AsyncIterator[SqliteStore]:
    store = await SqliteStore.open(":memory:", timeout=60)
    try:
        yield store
    finally:
        await store.close()


async def _equal(source: Store, target: Store, schema: Schema) -> None:
    """Check by two ways that have nothing in common."""
    report = await verify(source, target)
    assert report.equal, [(str(table), table.differences) for table in report.tables if not table.equal]
    await holds(target, schema)


@pytest.mark.timeout(120 + 10 * EXAMPLES)
@bounded
@given(schema=schemas("sqlite"))
async def test_sqlite_to_postgres_to_export_to_both(
    schema: Schema, origin: PostgresStore, target: PostgresStore, tmp_path: Path
) -> None:
    """Copied to PostgreSQL, exported, loaded into a fresh PostgreSQL and into SQLite: equal at every step."""
    out = tmp_path / "out"
    shutil.rmtree(out, ignore_errors=True)
    for server in (origin, target):
        await empty_postgres(server)
    async with _file() as first, _file() as last:
        await fill_sqlite(first, schema)
        await copy(first, origin)
        await _equal(first, origin, schema)
        await copy(first, origin)
        await _equal(first, origin, schema)
        await export(origin, out)
        assert check_export(out).intact
        for store in (target, last):
            assert (await load(out, store)).problems == ()
            await _equal(origin, store, schema)
        await _equal(first, last, schema)


@pytest.mark.timeout(120 + 10 * EXAMPLES)
@bounded
@given(schema=schemas("postgres"))
async def test_postgres_to_sqlite_and_back(
    schema: Schema, origin: PostgresStore, target: PostgresStore, tmp_path: Path
) -> None:
    """Copied to SQLite and from there to another PostgreSQL, and straight to it: equal at every step."""
    for server in (origin, target):
        await empty_postgres(server)
    async with _file() as between:
        await fill_postgres(origin, schema)
        await holds(origin, schema)
        await copy(origin, between)
        await _equal(origin, between, schema)
        await copy(between, target)
        await _equal(origin, target, schema)
        await empty_postgres(target)
        await copy(origin, target)
        await _equal(origin, target, schema)
