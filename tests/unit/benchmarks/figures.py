"""Figures that tests start from."""

from __future__ import annotations

from benchmarks.figures import Figure


def figure(scenario: str, variant: str, ratio: float, *, p95: float = 1.5, peak_mb: float | None = None) -> Figure:
    """Return a figure whose median is a millisecond times its ratio; ``p95`` is over that median."""
    return Figure(scenario, variant, ratio, ratio * p95, 1000 / ratio, ratio, peak_mb)
