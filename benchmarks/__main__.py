"""Measure what applications do with the library beside what they would use instead, in one run."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

from benchmarks.charts import write_charts
from benchmarks.compare import compare
from benchmarks.figures import Figure, by_scenario, read_figures, write_figures
from benchmarks.page import fill_in
from benchmarks.scale import FULL, QUICK, Scale
from benchmarks.screen import Screen
from benchmarks.targets import check_targets


def main() -> None:
    """Do what the arguments say."""
    arguments = _parser().parse_args()
    screen = Screen()
    if arguments.compare:
        old, new = map(read_figures, arguments.compare)
        screen.changes(compare(old, new))
        return
    if arguments.read:
        figures = read_figures(arguments.read)
        for scenario, found in by_scenario(figures).items():
            screen.figures(scenario, found)
    else:
        scale = QUICK if arguments.quick else FULL
        figures = asyncio.run(_measured(scale, arguments.only, arguments.json, screen))
    screen.claims(check_targets(figures))
    if arguments.svg:
        write_charts(arguments.svg, figures)
    if arguments.page:
        arguments.page.write_text(fill_in(arguments.page.read_text(), figures))


async def _measured(scale: Scale, only: Sequence[str], file: Path | None, screen: Screen) -> list[Figure]:
    """Measure and show; the file is written after each scenario, so that a run that breaks off has kept the others."""
    from benchmarks.scenarios import SCENARIOS
    from benchmarks.stage import started_stage

    unknown = [name for name in only if name not in SCENARIOS]
    if unknown:
        raise SystemExit(f"there is no scenario {unknown[0]!r}; there are: {', '.join(SCENARIOS)}")
    figures: list[Figure] = []
    screen.note("starting servers, filling tables")
    async with started_stage(scale, screen.note) as stage:
        for name, measure in SCENARIOS.items():
            if only and name not in only:
                continue
            screen.note(f"measuring {name}")
            started = perf_counter()
            measured = await measure(stage)
            screen.note(f"{name} took {perf_counter() - started:.0f} s")
            for scenario, found in by_scenario(measured).items():
                screen.figures(scenario, found)
            figures += measured
            if file is not None:
                write_figures(file, figures)
    return figures


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="nox -s bench --", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="smaller tables, fewer turns: under three minutes")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="this scenario; may be repeated")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures as a JSON list")
    parser.add_argument("--svg", type=Path, metavar="DIR", help="draw a chart of every scenario")
    parser.add_argument("--page", type=Path, metavar="FILE", help="write the tables into this Markdown page")
    parser.add_argument("--read", type=Path, metavar="FILE", help="take the figures from a JSON file, measure nothing")
    parser.add_argument(
        "--compare", type=Path, nargs=2, metavar=("OLD", "NEW"), help="compare two JSON files, measure nothing"
    )
    return parser


if __name__ == "__main__":
    main()
