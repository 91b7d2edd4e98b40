"""The single-row read by many callers at once, on ten connections: what counts is how many are served."""

from __future__ import annotations

from benchmarks import names
from benchmarks.figures import Figure
from benchmarks.scenarios.single_read import single_reads
from benchmarks.stage import Stage
from benchmarks.turns import take_turns_at_once


async def measure(stage: Stage) -> list[Figure]:
    """Measure every crowd."""
    figures: list[Figure] = []
    for count in stage.scale.callers:
        figures += await take_turns_at_once(
            names.callers(count),
            single_reads(stage),
            callers=count,
            rounds=stage.scale.rounds(30),
            calls=150,
        )
    return figures
