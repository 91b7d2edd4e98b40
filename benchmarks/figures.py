"""Figures: what the timings of a scenario come to, and how they are kept in a file."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """One variant of one scenario.

    Args:
        ratio: its time over the baseline's, below 1 is faster. Each round has its own ratio, of two turns that were
            neighbours in time; this is their median.
        peak_mb: the largest memory of its process, where it has one of its own.
    """

    scenario: str
    variant: str
    p50_ms: float
    p95_ms: float
    per_second: float
    ratio: float
    peak_mb: float | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """What one turn of one variant took.

    Args:
        seconds: of each operation.
        pace: seconds per operation, where several callers worked at once.
        peak_mb: memory of the process that the turn had to itself.
    """

    seconds: Sequence[float]
    pace: float | None = None
    peak_mb: float | None = None

    @property
    def cost(self) -> float:
        """Seconds to compare variants by."""
        return median(self.seconds) if self.pace is None else self.pace


def summarise(scenario: str, measured: Mapping[str, Sequence[Turn]], baseline: str) -> list[Figure]:
    """Reduce the turns of a scenario's variants, as many of each, to figures; the baseline is one of them."""
    return [_figure(scenario, variant, turns, measured[baseline]) for variant, turns in measured.items()]


def _figure(scenario: str, variant: str, turns: Sequence[Turn], baseline: Sequence[Turn]) -> Figure:
    seconds = [taken for turn in turns for taken in turn.seconds]
    paces = [turn.pace for turn in turns if turn.pace is not None]
    peaks = [turn.peak_mb for turn in turns if turn.peak_mb is not None]
    return Figure(
        scenario=scenario,
        variant=variant,
        p50_ms=round(median(seconds) * 1000, 4),
        p95_ms=round(percentile(seconds, 0.95) * 1000, 4),
        per_second=round(1 / median(paces) if paces else len(seconds) / sum(seconds), 3),
        ratio=round(median(own.cost / bare.cost for own, bare in zip(turns, baseline, strict=True)), 4),
        peak_mb=round(median(peaks), 1) if peaks else None,
    )


def percentile(values: Iterable[float], share: float) -> float:
    """Return the smallest value that at least this share of the values does not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * share) - 1)]


def write_figures(file: Path, figures: Sequence[Figure]) -> None:
    """Write figures as a JSON list of objects; ``peak_mb`` only where it was measured."""
    file.write_text(json.dumps([_as_object(figure) for figure in figures], indent=2) + "\n")


def read_figures(file: Path) -> list[Figure]:
    """Read what :func:`write_figures` wrote.

    Raises:
        ValueError: it is something else; names the file.
        OSError: it cannot be read.
    """
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(kept, list):
            raise TypeError
        return [_from_object(found) for found in kept]
    except (ValueError, TypeError):
        raise ValueError(f"{file} has no figures: a JSON list is expected, as --json writes it") from None


def by_scenario(figures: Iterable[Figure]) -> dict[str, list[Figure]]:
    """Group figures by their scenario, in the order measured."""
    groups: dict[str, list[Figure]] = {}
    for figure in figures:
        groups.setdefault(figure.scenario, []).append(figure)
    return groups


def _from_object(found: Mapping[str, Any]) -> Figure:
    figure = Figure(**found)
    numbers = (figure.p50_ms, figure.p95_ms, figure.per_second, figure.ratio, figure.peak_mb or 1)
    if not (figure.scenario and figure.variant and all(0 < number < math.inf for number in numbers)):
        raise ValueError("figure")
    return figure


def _as_object(figure: Figure) -> dict[str, Any]:
    return {name: value for name, value in asdict(figure).items() if name != "peak_mb" or value is not None}
