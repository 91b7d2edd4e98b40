"""What is owed is shown, writes without an answer included."""

from __future__ import annotations

import asyncio
import json
import os
import sys

import pytest
from tests.integration.request_capture.place import Place
from tests.integration.supabase.proxy import Fault

from datalayer.errors import OutcomeUnknownError
from datalayer.query import Insert
from datalayer.servers.postgrest import PostgrestServer
from datalayer.settings import Settings

_STATUS = "import sys; from datalayer.cli.app import run; sys.exit(run(['outbox', 'status', '--json']))"


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
    }
    running = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _STATUS, env=environment, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await running.communicate()
    (waiting,) = json.loads(out)["tables"]
    assert (waiting["store"], waiting["table"], waiting["waiting"]) == ("supabase", "writes without an answer", 1)
