"""Cuts of a table: every key is in exactly one segment, however finely it is cut."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from datalayer.transfer.verifying.cuts import SEGMENTS, HashCut, RangeCut

_KEYS = st.integers(-(2**62), 2**61)


@given(_KEYS, st.integers(0, 2**61), st.integers(1, 50))
def test_slices_follow_one_another_without_gap_or_overlap(low: int, width: int, count: int) -> None:
    """Slices of a range are the range, and only the first has the rows without a key."""
    slices = RangeCut("k", low, low + width).slices(count)
    assert slices[0].low == low
    assert slices[-1].high == low + width
    assert all(after.low == before.high + 1 for before, after in pairwise(slices))
    assert [each.nulls for each in slices] == [True] + [False] * (len(slices) - 1)
    assert len(slices) <= count


@given(_KEYS, st.integers(0, 2**61))
def test_finer_ranges_are_the_segments_they_cut(low: int, width: int) -> None:
    """Cutting the first and the last segment again stays within the range, down to single keys."""
    cut = RangeCut("k", low, low + width)
    last = width // cut.step
    assert last < SEGMENTS
    first, final = cut.finer([0, last])
    assert first.low == low
    assert final.high == low + width
    depth = 0
    while not first.finest:
        (first,) = first.finer([0])
        depth += 1
    assert depth <= 6


def test_rows_without_a_key_have_a_segment_of_their_own() -> None:
    """NULL keys are cut off once and never cut again."""
    cut = RangeCut('"k"', 0, 10)
    assert cut.inside([-1]) == '("k" is null)'
    assert list(cut.finer([-1])) == []
    assert '"k" is null' in cut.within


def test_hash_cut_looks_at_more_bits_of_the_same_segments() -> None:
    """A finer cut takes only rows of its parents, and ends."""
    cut = HashCut("h")
    (finer,) = cut.finer([3, 4])
    assert cut.within == "true"
    assert finer.within == cut.inside([3, 4])
    assert "any('{3,4}'" in finer.within
    while not finer.finest:
        (finer,) = finer.finer([0])
    assert finer.depth == 4
