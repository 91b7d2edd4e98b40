"""What is owed is shown, writes without an answer included."""

from __future__ import annotations

import asyncio
import json
import os

import pytest
from tests.integration.forking import run_command
from tests.integration.request_capture.place import Place
from tests.integration.supabase.proxy import Fault

from datalayer.cli.errors import ExitCode
from datalayer.errors import OutcomeUnknownError
from datalayer.query import Insert
from datalayer.servers.postgrest import PostgrestServer
from datalayer.settings import Settings


async def test_status_counts_writes_whose_answer_has_not_come(place: Place, primary_rest: PostgrestServer) -> None:
    """An open operation is owed like an entry: nobody may think that the stores are equal."""
    place.proxy.script.append(Fault.LAND_LATE)
    with pytest.raises(OutcomeUnknownError):
        await place.store.insert(Insert("parents", [{"code": "a"}]), timeout=0.2)
    own = {name.upper() for name in Settings.model_fields}
    environment = {name: value for name, value in os.environ.items() if name not in own} | {
        "ENABLE_DUAL_WRITE": "true",
        "SUPABASE_URL": place.proxy.url,
        "SUPABASE_SERVICE_ROLE_KEY": primary_rest.service_key,
        "DATABASE_URL": place.following_dsn,
        "DATALAYER_UNFOLLOWED_TABLES": "heap",
    }
    code, out, _ = await _called(environment, "outbox", "status", "--json")
    (waiting,) = json.loads(out)["tables"]
    assert (waiting["store"], waiting["table"], waiting["waiting"]) == ("supabase", "writes without an answer", 1)
    assert code == ExitCode.OK
    place.change_following("update datalayer_operations set expires_at = now() + interval '1 hour'")
    code, _, told = await _called(environment, "relay", "--once")
    assert code == ExitCode.DIFFERENCE
    assert "1 write to Supabase may still take effect" in told


async def _called(environment: dict[str, str], *arguments: str) -> tuple[int, str, str]:
    """Run a command; return its exit code and what it printed on stdout and stderr."""
    done = await asyncio.to_thread(run_command, *arguments, env=environment)
    return done.returncode, done.stdout, done.stderr
