"""A whole table, row by row, each variant in a process of its own, whose memory must stay flat."""

from __future__ import annotations

from typing import Final

from benchmarks import names
from benchmarks.figures import Figure, summarise
from benchmarks.processes import available, run_in_turns, turns
from benchmarks.stage import Stage

#: Module by variant; also what reads a table into a list.
READERS: Final = {
    names.RAW: "raw",
    names.RAW_TYPED: "raw_typed",
    names.OURS: "ours",
    names.OURS_DICTS: "ours_dicts",
    names.ASYNCPG: "asyncpg_alone",
    names.ORM: "orm",
    names.SUPABASE: "supabase_py",
}


async def measure(stage: Stage) -> list[Figure]:
    """Measure the reading alone; imports are not in it."""
    rows = stage.scale.large_rows
    table = await stage.table(rows)
    ran = await run_in_turns(stage, available(stage, READERS), "stream", table, rounds=stage.scale.rounds(2))
    return summarise(names.streaming(rows), turns(ran, lambda run: run.action_seconds), names.RAW)
