"""A fresh process: what importing a library costs, and connecting and reading one row with it."""

from __future__ import annotations

from typing import Final

from benchmarks import names
from benchmarks.figures import Figure, summarise
from benchmarks.processes import available, run_in_turns, turns
from benchmarks.stage import Stage

_CLIENTS: Final = {
    names.RAW: "raw",
    names.RAW_TYPED: "raw_typed",
    names.OURS: "ours",
    names.ASYNCPG: "asyncpg_alone",
    names.ORM: "orm",
    names.ALCHEMY: "alchemy",
    names.SUPABASE: "supabase_py",
}


async def measure(stage: Stage) -> list[Figure]:
    """Measure both in the same processes; the memory is that of one row read."""
    ran = await run_in_turns(stage, available(stage, _CLIENTS), "first", "clients", rounds=stage.scale.rounds(10))
    return [
        *summarise(names.IMPORT, turns(ran, lambda run: run.import_seconds), names.RAW),
        *summarise(names.FIRST_ROW, turns(ran, lambda run: run.action_seconds), names.RAW),
    ]
