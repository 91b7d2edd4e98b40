"""Applications and commands as processes of their own."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping

import pytest
from tests.integration.forking import run_command

from datalayer import (
    ConfigurationError,
    DataLayer,
    Settings,
)

AWAY = "postgresql://nobody@127.0.0.1:1/nowhere"


#: An application that is at work until it is killed.
APPLICATION = """
import asyncio, sys
from datalayer import DataLayer, GivenSettings

async def work():
    settings = GivenSettings(
        database_url=sys.argv[1], datalayer_sqlite_path=sys.argv[2], enable_dual_write=True, use_repository_pattern=True
    )
    async with DataLayer.open(settings):
        print("ready", flush=True)
        await asyncio.Event().wait()

asyncio.run(work())
"""


async def run(settings: Settings, *command: str, seconds: Mapping[str, float] | None = None) -> tuple[int, str]:
    """Run a command with these settings as its environment; return its exit code and what it said.

    Args:
        seconds: durations that are others in its process, by the names that they have in their modules.
    """
    environment = {name: value for name, value in os.environ.items() if name.lower() not in Settings.model_fields}
    for name in ("datalayer_sqlite_path", "enable_dual_write", "use_repository_pattern"):
        environment[name.upper()] = str(getattr(settings, name))
    environment |= {f"DATALAYER_ROUTE_{table.upper()}": str(kind) for table, kind in settings.datalayer_routes.items()}
    assert settings.database_url is not None
    environment["DATABASE_URL"] = settings.database_url.get_secret_value()
    done = await asyncio.to_thread(run_command, *command, env=environment, seconds=seconds)
    return done.returncode, " ".join((done.stdout + done.stderr).split())


async def refused(settings: Settings, words: str) -> None:
    """A start with these settings is refused in such words."""
    with pytest.raises(ConfigurationError, match=words):
        async with DataLayer.open(settings):
            pass
