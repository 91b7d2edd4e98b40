"""Figures as they are shown to readers: ratios only, scenarios that belong together in one section."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from benchmarks import names
from benchmarks.figures import Figure, by_scenario

_CALLS = "The calls of an application"
_GROWTH = "The same call as its table grows"


@dataclass(frozen=True, slots=True)
class Line:
    """One variant.

    Args:
        ratio: its time over the baseline's.
        spread: its 95th percentile over its median.
        memory: its process's memory over the baseline's, where it was measured.
        ours: whether it is this library's.
    """

    label: str
    ratio: float
    spread: float
    memory: float | None = None
    ours: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """One table and one chart. ``baseline`` is what 1 means."""

    title: str
    baseline: str
    lines: Sequence[Line]

    @property
    def slug(self) -> str:
        """The title as the name of a file."""
        return re.sub(r"[^a-z0-9]+", "-", self.title.lower()).strip("-")


def sections(figures: Iterable[Figure]) -> list[Section]:
    """Return the sections, in the order measured."""
    groups: dict[str, list[Figure]] = {}
    for scenario, found in by_scenario(figures).items():
        groups.setdefault(_title(scenario), []).extend(found)
    return [_section(title, found) for title, found in groups.items()]


def _title(scenario: str) -> str:
    if scenario.startswith(f"{names.CALL} "):
        return _CALLS
    if "as the table grows" in scenario:
        return _GROWTH
    return scenario[0].upper() + scenario[1:]


def _section(title: str, figures: Sequence[Figure]) -> Section:
    if title == _CALLS:
        calls = [figure for figure in figures if figure.variant == names.CALL_POSTGRES]
        lines = [_line(figure, figure.scenario.removeprefix(f"{names.CALL} "), ours=True) for figure in calls]
        return Section(title, "the same call over Supabase on loopback", lines)
    if title == _GROWTH:
        lines = [
            _line(
                figure,
                f"{figure.scenario.replace(' as the table grows', '')}, {figure.variant}",
                ours=names.OURS in figure.scenario,
            )
            for figure in figures
        ]
        return Section(title, "the same call on the smallest table", lines)
    bare = figures[0]
    lines = [_line(figure, figure.variant, bare, ours=figure.variant.startswith(names.OURS)) for figure in figures]
    return Section(title, bare.variant, lines)


def _line(figure: Figure, label: str, bare: Figure | None = None, *, ours: bool = False) -> Line:
    memory = None
    if bare is not None and bare.peak_mb and figure.peak_mb is not None:
        memory = figure.peak_mb / bare.peak_mb
    return Line(label, figure.ratio, figure.p95_ms / figure.p50_ms, memory, ours)
