"""Targets beside what was measured."""

from __future__ import annotations

import pytest
from benchmarks import names
from benchmarks.scale import FULL
from benchmarks.targets import check_targets
from tests.unit.benchmarks.figures import figure


def test_targets_without_figures_are_not_claimed() -> None:
    """Nothing is said about what was not measured."""
    assert check_targets([figure(names.UPSERT, names.RAW, 1.0)]) == []


@pytest.mark.parametrize(("ratio", "met"), [(1.2, True), (1.21, False)])
def test_upper_bound_is_against_the_bare_driver(ratio: float, met: bool) -> None:
    """The single-row read may take 1.2 times as long."""
    (claim,) = check_targets([figure(names.SINGLE_READ, names.RAW, 1.0), figure(names.SINGLE_READ, names.OURS, ratio)])
    assert (claim.measured, claim.met) == (ratio, met)


@pytest.mark.parametrize(("ratio", "met"), [(3.5, True), (3.49, False)])
def test_lower_bound_is_against_a_peer(ratio: float, met: bool) -> None:
    """A peer's time over ours says how many times faster we are."""
    figures = [figure(names.SINGLE_READ, names.OURS, 1.0), figure(names.SINGLE_READ, names.ALCHEMY, ratio)]
    (claim,) = check_targets(figures)
    assert (claim.measured, claim.met) == (ratio, met)


def test_lists_must_have_a_steady_tail() -> None:
    """The 95th percentile of typed lists is held against their median."""
    (claim,) = check_targets([figure(names.TYPED_LIST, names.OURS, 1.0, p95=2.5)])
    assert (claim.measured, claim.met) == (2.5, False)


def test_streaming_is_judged_by_speed_and_memory() -> None:
    """Both are claimed, whatever the number of rows."""
    speed, memory = check_targets([figure(names.streaming(1000), names.OURS, 1.25, peak_mb=81)])
    assert (speed.measured, speed.met, memory.measured, memory.met) == (0.8, True, 81, False)


def test_growth_is_judged_by_the_largest_table() -> None:
    """The smallest table is 1; what counts is the last."""
    scenario = names.growing_read(names.OURS)
    figures = [figure(scenario, size, ratio) for size, ratio in (("10", 1.0), ("100", 1.5), ("1,000", 1.2))]
    (claim,) = check_targets(figures)
    assert (claim.target, claim.measured, claim.met) == ("1,000: at most 1.3 x 10", 1.2, True)


def test_calls_are_judged_by_the_slowest_and_the_median() -> None:
    """Each call is to be faster, and the middle one by far."""
    figures = [
        figure(f"call {name}", names.CALL_POSTGRES, ratio) for name, ratio in (("a", 0.5), ("b", 0.2), ("c", 0.125))
    ]
    slowest, middle = check_targets(figures)
    assert (slowest.measured, slowest.met, middle.measured, middle.met) == (2.0, True, 5.0, True)


def test_copy_is_judged_by_the_pipe_of_psql() -> None:
    """It may take a ninth longer."""
    scenario = names.copying(FULL.moved_rows)
    (claim,) = check_targets([figure(scenario, names.PSQL, 1.0), figure(scenario, names.COPY, 1.25)])
    assert (claim.measured, claim.met) == (0.8, False)


def test_verify_is_judged_by_both_bare_sums_and_by_reladiff() -> None:
    """Also by the sums that run at once, which is harder."""
    variants = {names.BARE_SUMS: 1.0, names.BARE_SUMS_IN_TURN: 2.0, names.VERIFY: 1.6, names.RELADIFF: 4.0}
    claims = check_targets([figure(names.verifying(FULL.moved_rows), name, ratio) for name, ratio in variants.items()])
    assert [(claim.measured, claim.met) for claim in claims] == [(1.6, False), (0.8, True), (2.5, True)]


def test_canonical_checksums_are_judged_by_reladiff() -> None:
    """Each pair of unlike stores by itself."""
    scenario = names.verifying_unlike(FULL.moved_rows)
    variants = {names.RELADIFF: 1.0, names.VERIFY_UNLIKE: 0.5, names.VERIFY_SQLITE: 1.25}
    claims = check_targets([figure(scenario, name, ratio) for name, ratio in variants.items()])
    assert [(claim.measured, claim.met) for claim in claims] == [(2.0, True), (0.8, False)]


def test_moves_are_judged_by_the_command_with_the_most_memory() -> None:
    """One command too large is one too many."""
    scenario = names.moving(1000)
    figures = [figure(scenario, name, 1.0, peak_mb=peak) for name, peak in (("copy", 120), ("verify", 251))]
    (claim,) = check_targets(figures)
    assert (claim.measured, claim.met) == (251, False)
