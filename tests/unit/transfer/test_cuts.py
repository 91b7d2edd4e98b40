"""Cuts of a table: every key is in exactly one segment, however finely it is cut."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from datalayer.transfer.verifying.cut_sql import CutSql
from datalayer.transfer.verifying.cuts import SEGMENTS, HashCut, RangeCut

_KEYS = st.integers(-(2**62), 2**61)


@given(_KEYS, st.integers(0, 2**61), st.integers(1, 50))
def test_slices_follow_one_another_without_gap_or_overlap(low: int, width: int, count: int) -> None:
    """Slices of a range are the range, and only the first has the rows without a key."""
    slices = RangeCut(low, low + width).slices(count)
    assert slices[0].low == low
    assert slices[-1].high == low + width
    assert all(after.low == before.high + 1 for before, after in pairwise(slices))
    assert [each.nulls for each in slices] == [True] + [False] * (len(slices) - 1)
    assert len(slices) <= count


@given(_KEYS, st.integers(0, 2**61))
def test_finer_ranges_are_the_segments_they_cut(low: int, width: int) -> None:
    """Cutting the first and the last segment again stays within the range, down to single keys."""
    cut = RangeCut(low, low + width)
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
    cut, sql = RangeCut(0, 10), CutSql('"k"', "h")
    assert cut.segment(None) == -1
    assert sql.inside(cut, [-1]) == '("k" is null)'
    assert list(cut.finer([-1])) == []
    assert '"k" is null' in sql.within(cut)


def test_hash_cut_looks_at_more_bits_of_the_same_segments() -> None:
    """A finer cut takes only rows of its parents, and ends."""
    cut, sql = HashCut(), CutSql("k", "h")
    (finer,) = cut.finer([3, 4])
    assert sql.within(cut) == "true"
    assert sql.within(finer) == sql.inside(cut, [3, 4])
    assert "any('{3,4}'" in sql.within(finer)
    while not finer.finest:
        (finer,) = finer.finer([0])
    assert finer.depth == 4


@given(_KEYS, st.integers(0, 2**61), st.data())
def test_every_key_of_a_range_is_in_a_segment_that_has_it(low: int, width: int, data: st.DataObject) -> None:
    """A key's segment is the one whose bounds it lies in; keys outside have none."""
    cut = RangeCut(low, low + width)
    key = data.draw(st.integers(low, low + width))
    segment = cut.segment(key)
    assert segment is not None
    first, last = cut.bounds(segment)
    assert first <= key <= last
    assert cut.segment(low - 1) is None
    assert cut.segment(low + width + 1) is None
    assert RangeCut(low, low + width, nulls=False).segment(None) is None


@given(st.integers(-(2**63), 2**63 - 1))
def test_a_hash_stays_in_its_segment_when_that_is_cut_again(hashed: int) -> None:
    """A finer cut of a segment has exactly the hashes of that segment."""
    cut = HashCut()
    segment = cut.segment(hashed)
    assert segment is not None
    (finer,) = cut.finer([segment])
    (other,) = cut.finer([segment ^ 1])
    assert finer.segment(hashed) is not None
    assert other.segment(hashed) is None
