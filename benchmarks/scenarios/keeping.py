"""Rows read into one list: the memory that each library's rows take."""

from __future__ import annotations

from benchmarks import names
from benchmarks.figures import Figure, summarise
from benchmarks.processes import available, run_in_turns, turns
from benchmarks.scenarios.streaming import READERS
from benchmarks.stage import Stage


async def measure(stage: Stage) -> list[Figure]:
    """Measure the memory of the whole process."""
    rows = stage.scale.kept_rows
    table = await stage.table(rows)
    ran = await run_in_turns(stage, available(stage, READERS), "keep", table, rounds=stage.scale.rounds(2))
    return summarise(names.keeping(rows), turns(ran, lambda run: run.action_seconds), names.RAW)
