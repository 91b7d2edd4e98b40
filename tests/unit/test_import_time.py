"""What an import costs, beside the drivers that an application has anyway."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

BASE = "import psycopg, psycopg_pool, pydantic; pydantic.BaseModel"
ROUNDS = 5
#: Time of the processor: what else the machine does, and how busy its disk is, is no cost of the import.
SECONDS = "import time; a = time.process_time(); {}; print(time.process_time() - a)"
CALLS = """
import sys
count = 0
def heard(frame, event, argument):
    global count
    count += event.endswith("call")
sys.setprofile(heard)
{}
sys.setprofile(None)
print(count)
"""
LOADED = "{}; import sys; print(*sys.modules)"


def said(script: str, statement: str) -> str:
    """Run a statement inside of a script in a fresh interpreter, and return what it printed.

    It keeps bytecode, as an installed library has it: the drivers' was compiled when they were installed.
    """
    command = [sys.executable, "-c", script.format(statement)]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout


@pytest.mark.parametrize("statement", ["import datalayer", "from datalayer import DataLayer"])
def test_import_takes_at_most_half_more_than_the_drivers(statement: str) -> None:
    """In turns, and the quickest round of each, which is the least disturbed one."""
    runs = [(float(said(SECONDS, statement)), float(said(SECONDS, BASE))) for _ in range(ROUNDS)]
    assert min(ours for ours, _ in runs) <= 1.5 * min(drivers for _, drivers in runs)


@pytest.mark.parametrize("statement", ["import datalayer", "from datalayer import DataLayer"])
def test_import_makes_no_more_calls_than_the_drivers(statement: str) -> None:
    """Whatever the machine does beside it, an import makes the same calls each time."""
    assert int(said(CALLS, statement)) <= int(said(CALLS, BASE))


def test_import_loads_only_what_every_layer_needs() -> None:
    """Drivers, Supabase, Sentry, rich and their like are loaded when they are used; so is what dual-write needs."""
    loaded = set(said(LOADED, "from datalayer import DataLayer").split())
    for name in ("psycopg", "sqlite3", "supabase", "httpx", "sentry_sdk", "rich", "typer", "stamina", "phonenumbers"):
        assert name not in loaded
    for name in ("pydantic_settings", "datalayer.settings", "datalayer.outbox", "datalayer.layer.opened"):
        assert name not in loaded
