"""A resync lets the primary of now win over a Supabase without the script, which led before and owes in PostgreSQL."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from tests.integration.forking import run_command
from tests.integration.layer.places import PostgresPlace
from tests.integration.routing.salons import (
    assert_equal,
    postgres_of,
    put_client,
    serving,
    settled,
    supabase_pair,
)
from tests.integration.routing.waiting import until

from datalayer import ConfigurationError, DataLayer, GivenSettings, Settings
from datalayer.outbox.operations import Operation
from datalayer.outbox.spool import Spool
from datalayer.servers.postgrest import PostgrestServer
from datalayer.testing.servers import FoundServer


@pytest.fixture(scope="module")
async def supabase(datalayer_postgres: FoundServer, salon_template: str) -> AsyncIterator[PostgrestServer]:
    """Lend a Supabase with the salon's tables and nothing else."""
    async with serving(datalayer_postgres, salon_template, script=False) as server:
        yield server


@pytest.fixture
async def pair(supabase: PostgrestServer, postgres: PostgresPlace, tmp_path: Path) -> dict[str, Any]:
    """Lend the settings that name both stores."""
    spool = tmp_path / "spool.sqlite3"
    return await supabase_pair(supabase, postgres, datalayer_spool_path=spool, datalayer_request_lifetime_seconds=1)


async def test_resync_lets_go_what_captured_requests_owe(pair: dict[str, Any]) -> None:
    """Marks, writes without an answer and this machine's spool; `outbox status` shows them until then."""
    before = GivenSettings(**pair, use_legacy_supabase=True)
    after = GivenSettings(**pair, use_legacy_supabase=False)
    await put_client(before)
    async with DataLayer.open(GivenSettings(**pair, use_legacy_supabase=True, datalayer_relay=False)) as layer:
        await layer.clients.update({"name": "never carried"}, yclients_id=1)
    async with postgres_of(pair) as store:
        await store.execute(
            "insert into datalayer_operations (aggregatetype, expires_at) values ('clients', now() - interval '1 hour')"
        )
    spool = await Spool.open(pair["datalayer_spool_path"], pair["supabase_url"])
    for answered in (True, False):
        operation = Operation(uuid4(), "clients", (), None, 0.0)
        await spool.begin(operation)
        if answered:
            await spool.resolve(operation, ["[1]"], sweep=False)
    with pytest.raises(ConfigurationError, match="supabase owes 4 changes to the store"):
        async with DataLayer.open(after):
            pass
    assert await shown(pair) == {"clients": 1, "writes without an answer": 1, "writes on this machine's spool": 2}
    _, told = await called(pair, "backfill", "--resync")
    assert "1 write to Supabase may still take effect, and is owed until then" in told
    await asyncio.sleep(pair["datalayer_request_lifetime_seconds"])
    await called(pair, "backfill", "--resync")
    assert await spool.count() == 0
    await spool.close()
    async with DataLayer.open(after) as layer:
        await until(lambda: settled(layer))
        await assert_equal(after, layer.mode, "clients")
        assert [row.name for row in await layer.clients.list()] == ["Анна"]
    assert await shown(pair) == {}


async def shown(pair: dict[str, Any]) -> dict[str, int]:
    """Return what `outbox status` says that Supabase owes."""
    out, _ = await called(pair, "outbox", "status", "--json")
    return {table["table"]: table["waiting"] for table in json.loads(out)["tables"] if table["store"] == "supabase"}


async def called(pair: dict[str, Any], *arguments: str) -> tuple[str, str]:
    """Run a command with PostgreSQL as the primary; return what it printed on stdout and stderr."""
    own = {name.upper() for name in Settings.model_fields}
    environment = {name: value for name, value in os.environ.items() if name not in own}
    environment |= {name.upper(): str(value) for name, value in pair.items()} | {"USE_LEGACY_SUPABASE": "false"}
    done = await asyncio.to_thread(run_command, *arguments, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout, " ".join(done.stderr.split())
