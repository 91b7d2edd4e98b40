"""From captured requests to the script: what was owed before is carried by the triggers' outbox."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
from tests.integration.forking import run_command
from tests.integration.request_capture.place import Place
from tests.integration.supabase.proxy import Fault

from datalayer.cli.errors import ExitCode
from datalayer.errors import OutcomeUnknownError
from datalayer.outbox.capture import postgres as postgres_capture
from datalayer.outbox.capture import supabase as script
from datalayer.query import Insert
from datalayer.servers.postgrest import PostgrestServer
from datalayer.settings import Settings
from datalayer.stores.postgres import PostgresStore

_SECONDS = 120


@pytest.fixture
async def changed(place: Place, primary_rest: PostgrestServer) -> AsyncIterator[dict[str, str]]:
    """Owe a mark, an open operation and a spooled write; then install the script. Lend the environment."""
    await place.store.insert(Insert("parents", [{"code": "marked"}]))
    place.proxy.script.append(Fault.LAND_LATE)
    with pytest.raises(OutcomeUnknownError):
        await place.store.insert(Insert("parents", [{"code": "open"}]), timeout=0.2)
    await place.proxy.land()
    await place.line.cut()
    await place.store.insert(Insert("parents", [{"code": "spooled"}]))
    await place.mend()
    direct = await PostgresStore.open(place.primary_dsn)
    await script.install(direct)
    await asyncio.to_thread(primary_rest.reload_schema)
    own = {name.upper() for name in Settings.model_fields}
    yield {name: value for name, value in os.environ.items() if name not in own} | {
        "ENABLE_DUAL_WRITE": "true",
        "SUPABASE_URL": place.proxy.url,
        "SUPABASE_SERVICE_ROLE_KEY": primary_rest.service_key,
        "DATABASE_URL": place.following_dsn,
        "DATALAYER_SPOOL_PATH": str(place.spool_path),
        "DATALAYER_REQUEST_LIFETIME_SECONDS": "0.2",
        "DATALAYER_UNFOLLOWED_TABLES": "heap",
    }
    await postgres_capture.uninstall(direct)
    await direct.close()
    await asyncio.to_thread(primary_rest.reload_schema)


async def test_what_request_capture_owed_is_shown_and_carried_after_the_script_came(
    place: Place, changed: dict[str, str]
) -> None:
    """`outbox status` counts it, and relays settle it under the triggers' own versions."""
    shown = await status(changed)
    assert all(table["lag_seconds"] > 0 for table in shown)
    before = {(t["table"], t["waiting"]) for t in shown}
    assert before == {("parents", 1), ("writes without an answer", 1), ("writes on this machine's spool", 1)}
    async with asyncio.timeout(_SECONDS):
        while await status(changed):
            await called(changed, "relay", "--once")
    assert place.behind("select code from parents order by code") == [("marked",), ("open",), ("spooled",)]
    assert (place.marks(), place.operations(), await place.spool.count()) == ([], 0, 0)


async def test_version_of_an_entry_and_of_a_mark_is_refused(place: Place, changed: dict[str, str]) -> None:
    """Both are owed by Supabase, each with versions of its own database; a relay makes one of them."""
    (mark,) = place.behind("select version from datalayer_marks")
    direct = await PostgresStore.open(place.primary_dsn)
    entry = {"id": uuid4(), "version": mark[0], "aggregatetype": "parents", "aggregateid": "[77]", "type": "upsert"}
    await direct.insert(Insert("datalayer_outbox", [entry]))
    await direct.close()
    for command in (["discard", "--yes"], ["retry", "--primary", "supabase"]):
        done = await asyncio.to_thread(run_command, "outbox", *command, "--version", str(mark[0]), env=changed)
        assert done.returncode == ExitCode.USAGE
        assert "names two entries of supabase: run `datalayer relay --once` first" in done.stderr
    assert place.behind("select version from datalayer_marks") == [mark]


async def test_spool_of_another_project_stops_nobody(place: Place, changed: dict[str, str]) -> None:
    """It is told by `outbox status` and left alone; what is ours is carried all the same."""
    environment = changed | {"SUPABASE_URL": place.proxy.url.replace("127.0.0.1", "localhost")}
    async with asyncio.timeout(_SECONDS):
        while await status(environment):
            await called(environment, "relay", "--once")
    assert {("marked",), ("open",)} <= set(place.behind("select code from parents"))
    assert await place.spool.count() == 1


async def status(environment: dict[str, str]) -> list[dict[str, Any]]:
    """Return what is owed."""
    tables: list[dict[str, Any]] = json.loads(await called(environment, "outbox", "status", "--json"))["tables"]
    return tables


async def called(environment: dict[str, str], *arguments: str) -> str:
    """Run a command and return what it printed."""
    done = await asyncio.to_thread(run_command, *arguments, env=environment)
    assert done.returncode in (0, 1), done.stderr
    return done.stdout
