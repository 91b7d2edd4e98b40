"""Applications and commands as processes of their own."""

from __future__ import annotations

import asyncio
import os
import sys

import pytest

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


async def run(settings: Settings, *command: str) -> tuple[int | None, str]:
    """Run a command with these settings as its environment; return its exit code and what it said."""
    environment = {name: value for name, value in os.environ.items() if name.lower() not in Settings.model_fields}
    for name in ("datalayer_sqlite_path", "enable_dual_write", "use_repository_pattern"):
        environment[name.upper()] = str(getattr(settings, name))
    environment |= {f"DATALAYER_ROUTE_{table.upper()}": str(kind) for table, kind in settings.datalayer_routes.items()}
    assert settings.database_url is not None
    environment["DATABASE_URL"] = settings.database_url.get_secret_value()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "from datalayer.cli.app import main; main()",
        *command,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return process.returncode, " ".join(said.decode().split())


async def refused(settings: Settings, words: str) -> None:
    """A start with these settings is refused in such words."""
    with pytest.raises(ConfigurationError, match=words):
        async with DataLayer.open(settings):
            pass
