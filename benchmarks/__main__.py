"""Measure what applications do with the library beside what they would use instead, in one run."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import perf_counter

from benchmarks.charts import write_charts
from benchmarks.compare import compare
from benchmarks.figures import Figure, by_scenario, read_figures, write_figures
from benchmarks.page import fill_in
from benchmarks.scale import FULL, QUICK, Scale
from benchmarks.scenarios import SCENARIOS, Scenario, scenario
from benchmarks.screen import Screen
from benchmarks.targets import check_targets


def main() -> None:
    """Do what the arguments say; what is wrong with them is said before anything is measured, which takes long."""
    parser = _parser()
    arguments = parser.parse_args()
    try:
        _check(arguments)
        kept = [read_figures(file) for file in arguments.compare or [arguments.read] if file]
        measured = {} if kept else _scenarios(arguments.only)
    except OSError as error:
        parser.error(f"{error.filename}: {error.strerror}")
    except ValueError as error:
        parser.error(str(error))
    screen = Screen()
    if arguments.compare:
        screen.changes(compare(*kept))
        return
    if kept:
        (figures,) = kept
        for name, found in by_scenario(figures).items():
            screen.figures(name, found)
    else:
        scale = QUICK if arguments.quick else FULL
        figures = asyncio.run(_measured(scale, measured, arguments.json, screen))
    screen.claims(check_targets(figures))
    if arguments.svg:
        write_charts(arguments.svg, figures)
    if arguments.page:
        page = fill_in(arguments.page.read_text(encoding="utf-8"), figures)
        arguments.page.write_text(page, encoding="utf-8")


def _check(arguments: argparse.Namespace) -> None:
    """Raise ValueError or OSError where options do not go together, or a file cannot be written in the end."""
    alone = "--compare" if arguments.compare else "--read" if arguments.read else None
    others = ["only", "quick", "json", *(("read", "svg", "page") if arguments.compare else ())]
    given = [f"--{name}" for name in others if getattr(arguments, name)]
    if alone and given:
        raise ValueError(f"{alone} measures nothing and goes without {given[0]}")
    if arguments.page:
        fill_in(arguments.page.read_text(encoding="utf-8"), ())
        _check_writable(arguments.page)
    if arguments.json:
        _check_writable(arguments.json)
    if arguments.svg:
        arguments.svg.mkdir(parents=True, exist_ok=True)


def _check_writable(file: Path) -> None:
    """Raise OSError where the file cannot be written; a new one is not left behind."""
    was_there = file.exists()
    file.open("a").close()
    if not was_there:
        file.unlink()


def _scenarios(only: Sequence[str]) -> dict[str, Scenario]:
    """Return what is to be measured; raises ValueError for a name that is none, and for a peer that is missing."""
    unknown = [name for name in only if name not in SCENARIOS]
    if unknown:
        raise ValueError(f"there is no scenario {unknown[0]!r}; there are: {', '.join(SCENARIOS)}")
    try:
        return {name: scenario(name) for name in SCENARIOS if not only or name in only}
    except ModuleNotFoundError as error:
        raise ValueError(f"{error.name} is missing; pip install -e '.[bench]' brings it") from None


async def _measured(scale: Scale, scenarios: Mapping[str, Scenario], file: Path | None, screen: Screen) -> list[Figure]:
    """Measure and show; the file is written after each scenario, so that a run that breaks off has kept the others."""
    from benchmarks.stage import started_stage

    figures: list[Figure] = []
    screen.note("starting servers, filling tables")
    async with started_stage(scale, screen.note) as stage:
        for name, measure in scenarios.items():
            screen.note(f"measuring {name}")
            started = perf_counter()
            measured = await measure(stage)
            screen.note(f"{name} took {perf_counter() - started:.0f} s")
            for title, found in by_scenario(measured).items():
                screen.figures(title, found)
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
