"""From timings to figures, and to a file and back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from benchmarks.figures import Figure, Turn, by_scenario, percentile, read_figures, summarise, write_figures
from tests.unit.benchmarks.figures import figure


def test_summary_has_median_percentile_and_rate() -> None:
    """A figure is over all operations of all turns."""
    (found,) = summarise("read", {"raw": [Turn([0.001, 0.002]), Turn([0.003, 0.010])]}, "raw")
    assert found == Figure("read", "raw", p50_ms=2.5, p95_ms=10.0, per_second=250.0, ratio=1.0)


def test_ratio_is_the_median_of_the_rounds_own_ratios() -> None:
    """A round in which the whole machine was slow counts no more than any other."""
    measured = {
        "raw": [Turn([0.001]), Turn([0.100]), Turn([0.001])],
        "ours": [Turn([0.002]), Turn([0.120]), Turn([0.002])],
    }
    assert [found.ratio for found in summarise("read", measured, "raw")] == [1.0, 2.0]


def test_crowds_are_compared_by_their_pace() -> None:
    """Where callers wait for each other, what counts is how many are served, not how long one waits."""
    measured = {"raw": [Turn([0.5], pace=0.010)], "ours": [Turn([0.1], pace=0.020)]}
    raw, ours = summarise("crowd", measured, "raw")
    assert (raw.per_second, ours.per_second, ours.ratio) == (100.0, 50.0, 2.0)


def test_memory_is_the_median_of_the_processes() -> None:
    """Where each turn had a process of its own, its memory is kept."""
    turns = [Turn([1], peak_mb=10), Turn([1], peak_mb=30), Turn([1], peak_mb=20)]
    assert summarise("stream", {"raw": turns}, "raw")[0].peak_mb == 20


def test_variants_must_have_taken_as_many_turns() -> None:
    """A ratio of turns from different rounds would be none."""
    with pytest.raises(ValueError, match="shorter"):
        summarise("read", {"raw": [Turn([1])], "ours": [Turn([1]), Turn([1])]}, "raw")


@pytest.mark.parametrize(("share", "value"), [(0.0, 1), (0.5, 10), (0.95, 19), (1.0, 20)])
def test_percentile_is_the_nearest_rank(share: float, value: float) -> None:
    """The value at a rank was measured; nothing is interpolated."""
    assert percentile(range(20, 0, -1), share) == value


def test_figures_survive_a_file(tmp_path: Path) -> None:
    """What is written is read back."""
    figures = [figure("read", "raw", 1.0), figure("stream", "raw", 1.0, peak_mb=40.5)]
    write_figures(tmp_path / "run.json", figures)
    assert read_figures(tmp_path / "run.json") == figures


def test_file_is_a_list_of_objects(tmp_path: Path) -> None:
    """The file has the documented names and no memory where none was measured."""
    write_figures(tmp_path / "run.json", [figure("read", "raw", 1.0)])
    (found,) = json.loads((tmp_path / "run.json").read_text())
    assert list(found) == ["scenario", "variant", "p50_ms", "p95_ms", "per_second", "ratio"]


def test_scenarios_keep_their_order() -> None:
    """Figures are shown as they were measured."""
    figures = [figure("b", "raw", 1.0), figure("a", "raw", 1.0), figure("b", "ours", 2.0)]
    assert {name: len(found) for name, found in by_scenario(figures).items()} == {"b": 2, "a": 1}
