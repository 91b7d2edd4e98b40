"""Variants that need a process of their own: what they import and remember must not be shared."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks import names
from benchmarks.figures import Turn
from benchmarks.stage import Stage

_ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Ran:
    """What a process measured of itself."""

    import_seconds: float
    action_seconds: float
    peak_mb: float


async def run_in_turns(
    stage: Stage, clients: Mapping[str, str], action: str, table: str, *, rounds: int
) -> dict[str, list[Ran]]:
    """Run every client once a round.

    Args:
        clients: module of ``benchmarks.clients`` by variant.
        action: see :mod:`benchmarks.program`.
    """
    ran: dict[str, list[Ran]] = {variant: [] for variant in clients}
    for _ in range(rounds):
        for variant, client in clients.items():
            ran[variant].append(await _run(client, action, _address(stage, variant), table))
    return ran


def available(stage: Stage, clients: Mapping[str, str]) -> dict[str, str]:
    """Leave out supabase-py where there is no PostgREST."""
    return {name: client for name, client in clients.items() if name != names.SUPABASE or stage.rest_url is not None}


def turns(ran: Mapping[str, list[Ran]], seconds: Callable[[Ran], float]) -> dict[str, list[Turn]]:
    """Take one duration of each run, and its memory."""
    return {variant: [Turn([seconds(run)], peak_mb=run.peak_mb) for run in runs] for variant, runs in ran.items()}


def _address(stage: Stage, variant: str) -> str:
    return f"{stage.rest_url}#{stage.rest_key}" if variant == names.SUPABASE else stage.dsn


async def _run(client: str, action: str, address: str, table: str) -> Ran:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "benchmarks.program",
        client,
        action,
        address,
        table,
        cwd=_ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"the program of {client} failed; its own words are above")
    found = json.loads(output)
    return Ran(found["import"], found["action"], found["peak_mb"])
