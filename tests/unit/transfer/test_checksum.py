"""Checksums of collections: blind to order, not to anything else."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from datalayer.transfer.checksum import Segments, digest

_ROWS = st.lists(st.binary(max_size=2), max_size=20)


def _sums(rows: list[bytes]) -> Segments:
    sums = Segments(8)
    for row in rows:
        sums.add(digest(b"key" + row), digest(row))
    return sums


@given(_ROWS, st.randoms())
def test_checksum_does_not_depend_on_the_order_of_rows(rows: list[bytes], random: Any) -> None:
    """The same rows in any order have the same checksum, and no segment differs."""
    shuffled = list(rows)
    random.shuffle(shuffled)
    assert _sums(shuffled).checksum == _sums(rows).checksum
    assert _sums(shuffled).unequal(_sums(rows)) == []


@given(_ROWS, _ROWS)
def test_checksum_differs_where_rows_or_their_number_differ(first: list[bytes], second: list[bytes]) -> None:
    """Other rows, or the same rows more often, have another checksum and an unequal segment."""
    same = sorted(first) == sorted(second)
    assert (_sums(first).checksum == _sums(second).checksum) == same
    assert (_sums(first).unequal(_sums(second)) == []) == same


def test_checksum_counts_a_row_that_is_there_twice() -> None:
    """Two equal rows do not cancel each other out."""
    assert _sums([b"a", b"a"]).checksum not in {_sums([]).checksum, _sums([b"a"]).checksum}


def test_checksum_of_nothing_is_zero() -> None:
    """An empty table has the checksum of an empty sum."""
    assert _sums([]).checksum == "0" * 32
    assert _sums([]).rows == 0


def test_unequal_names_only_the_segment_of_the_changed_row() -> None:
    """One changed row makes one segment unequal, so that only few rows need a second look."""
    rows = [bytes([n]) for n in range(50)]
    left, right = Segments(4096), Segments(4096)
    for row in rows:
        left.add(digest(row), digest(row))
        right.add(digest(row), digest(b"changed" if row == b"\x07" else row))
    assert right.unequal(left) == [left.place(digest(b"\x07"))]
