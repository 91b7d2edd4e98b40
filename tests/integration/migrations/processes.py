"""Runs the command line in processes of their own."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from typing import Any

_PROGRAM = "from datalayer.cli.entry import main; main()"


async def start(*arguments: str) -> Process:
    """Start ``datalayer`` with these arguments."""
    return await asyncio.create_subprocess_exec(sys.executable, "-c", _PROGRAM, *arguments, stdout=PIPE, stderr=PIPE)


async def finish(process: Process) -> dict[str, Any]:
    """Wait for a process that prints JSON and must succeed."""
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    answer: dict[str, Any] = json.loads(out)
    return answer
