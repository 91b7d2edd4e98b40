"""Rows with the same key: one batch, and batches after each other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datalayer.errors import RepeatedKeyError
from datalayer.query import Duplicates, Row, Upsert
from datalayer.stores.duplicates import KeysSeen, distinct

ROWS = st.lists(st.fixed_dictionaries({"id": st.integers(0, 4)}, optional={"a": st.integers(), "b": st.integers()}))


def batch(rows: list[Row], duplicates: Duplicates = "last") -> Upsert:
    """Return an upsert by id."""
    return Upsert("t", rows, ("id",), duplicates=duplicates)


@given(rows=ROWS.filter(bool))
def test_last_is_what_writing_in_turn_would_leave(rows: list[Row]) -> None:
    """Column by column; every given row finds its own."""
    table: dict[int, Row] = {}
    for row in rows:
        table.setdefault(row["id"], {}).update(row)
    found = distinct(batch(rows))
    assert [dict(row) for row in found.rows] == list(table.values())
    assert [row["id"] for row in found.as_given(found.rows)] == [row["id"] for row in rows]


@given(rows=ROWS.filter(bool))
def test_first_is_the_first_row_as_it_is(rows: list[Row]) -> None:
    """Nothing of a later row is in it."""
    found = distinct(batch(rows, "first"))
    assert [dict(row) for row in found.rows] == [
        next(row for row in rows if row["id"] == key) for key in dict.fromkeys(row["id"] for row in rows)
    ]


@given(rows=ROWS, size=st.integers(1, 4))
def test_batches_after_each_other_leave_out_what_one_batch_would(rows: list[Row], size: int) -> None:
    """First, over any cut into batches; what is left out is counted."""
    seen = KeysSeen(("id",), "first")
    kept = [row for part in seen.once([rows[at : at + size] for at in range(0, len(rows), size)]) for row in part]
    assert kept == [next(row for row in rows if row["id"] == key) for key in dict.fromkeys(row["id"] for row in rows)]
    assert seen.left_out == len(rows) - len(kept)


def test_every_repeat_of_all_batches_is_named_at_the_end() -> None:
    """No row follows the first mistake."""
    seen = KeysSeen(("id",), "error")
    parts = seen.once([[{"id": 1}, {"id": 2}], [{"id": 1}], [{"id": 3}, {"id": 2}]])
    assert next(parts) == [{"id": 1}, {"id": 2}]
    with pytest.raises(RepeatedKeyError) as caught:
        assert not any(parts)
    assert caught.value.pairs == ((2, 0), (4, 1))


def test_keys_of_lists_are_compared_by_their_elements() -> None:
    """At any depth."""
    rows: list[Row] = [{"id": [1, [2]]}, {"id": [1, [3]]}, {"id": [1, [2]]}]
    assert distinct(batch(rows)).places == [0, 1, 0]
