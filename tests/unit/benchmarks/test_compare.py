"""Two runs side by side."""

from __future__ import annotations

import pytest
from benchmarks.compare import Change, compare
from tests.unit.benchmarks.figures import figure


@pytest.mark.parametrize(
    ("old", "new", "verdict"),
    [
        (1.0, 1.29, ""),
        (1.0, 1.3, "slower"),
        (1.3, 1.0, "faster"),
        (1.0, 1.0, ""),
        (None, 1.0, "new"),
        (1.0, None, "gone"),
    ],
)
def test_change_is_named_beyond_noise(old: float | None, new: float | None, verdict: str) -> None:
    """Small differences are not called changes."""
    assert Change("read", "ours", old, new).verdict == verdict


def test_compare_pairs_by_scenario_and_variant() -> None:
    """The new run's order holds; what it lacks comes last."""
    old = [figure("read", "gone", 3.0), figure("read", "ours", 1.2)]
    new = [figure("read", "ours", 1.8), figure("write", "ours", 1.1)]
    assert compare(old, new) == [
        Change("read", "ours", 1.2, 1.8),
        Change("write", "ours", None, 1.1),
        Change("read", "gone", 3.0, None),
    ]


def test_factor_compares_ratios() -> None:
    """Runs on different machines are compared by ratios, not by times."""
    assert Change("read", "ours", 1.2, 1.8).factor == pytest.approx(1.5)
