"""Commands in processes of their own, to be cut off, interrupted or met by another one."""

from __future__ import annotations

import asyncio
import shlex
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Sequence

import psycopg

from datalayer.cli.app import run
from datalayer.urls import without_secrets

#: Who runs the tests may have SIGHUP ignored, as nohup has, and so would the command.
_SCRIPT = "import signal; signal.signal(signal.SIGHUP, signal.SIG_DFL); from datalayer.cli.entry import main; main()"
_PATIENCE = 60.0


async def start(arguments: Sequence[str]) -> Process:
    """Start a command line."""
    return await asyncio.create_subprocess_exec(sys.executable, "-c", _SCRIPT, *arguments, stdout=PIPE, stderr=PIPE)


async def end(process: Process) -> tuple[int | None, list[str]]:
    """Wait for its end; return the exit code and the lines on stderr."""
    _, err = await asyncio.wait_for(process.communicate(), _PATIENCE)
    return process.returncode, err.decode().splitlines()


async def until(reached: Callable[[], bool]) -> None:
    """Wait for a state."""

    def wait() -> None:
        deadline = time.monotonic() + _PATIENCE
        while not reached():
            assert time.monotonic() < deadline
            time.sleep(0.02)

    await asyncio.to_thread(wait)


async def finished(arguments: Sequence[str]) -> int:
    """Run a command line in this process and return its exit code."""
    return await asyncio.to_thread(run, arguments)


def going_on(arguments: Sequence[str]) -> str:
    """Return the line that says how to go on, for a URL with a password too."""
    shown = [without_secrets(argument) for argument in arguments]
    note = "" if shown == list(arguments) else " (the password is left out here)"
    return f"to go on{note}: {shlex.join(['datalayer', *shown])}"


def asked(dsn: str, query: str) -> int:
    """Return the number that a query answers; 0 where there is no such table yet."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        try:
            row = connection.execute(query.encode()).fetchone()
        except psycopg.errors.UndefinedTable:
            return 0
    return int(row[0]) if row else 0


def do(dsn: str, script: str) -> None:
    """Run statements."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(script.encode())
