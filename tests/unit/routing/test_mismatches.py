"""Classes of differences between two answers."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from datalayer.routing.mismatches import Mismatch, compare_counts, compare_rows

NAN = float("nan")


@pytest.mark.parametrize(
    ("control", "candidate", "kind"),
    [
        (1, 1, None),
        (NAN, NAN, None),
        (Decimal("NaN"), Decimal("NaN"), None),
        (None, None, None),
        (1, 2, "value"),
        ("a", "b", "value"),
        (None, "", "null"),
        (0, None, "null"),
        (1, True, "type"),
        (1, Decimal(1), "type"),
        ("1", 1, "type"),
        (0.1, 0.1 + 1e-12, "precision"),
        (Decimal("1.000000001"), Decimal("1.000000002"), "precision"),
        (Decimal("1.01"), Decimal("1.02"), "value"),
        (dt.datetime(2026, 3, 2, 9, 0, 0, 123456), dt.datetime(2026, 3, 2, 9, 0, 0, 123000), "precision"),
        (dt.datetime(2026, 3, 2, 9), dt.datetime(2026, 3, 2, 12), "value"),
        (dt.datetime(2026, 3, 2, 9), dt.datetime(2026, 3, 2, 9, tzinfo=dt.UTC), "value"),
        (dt.time(9, 0, 0, 5), dt.time(9), "precision"),
        ([1, 2], [2, 1], "value"),
        ({"a": 1}, {"a": 1}, None),
    ],
)
def test_value_has_the_class_of_its_difference(control: Any, candidate: Any, kind: str | None) -> None:
    """Rounded, absent, of another type or another value: each is told apart."""
    found = compare_rows([{"id": 1, "x": control}], [{"id": 1, "x": candidate}], ("id",), ordered=False)
    assert [(mismatch.kind, mismatch.key, mismatch.column) for mismatch in found] == (
        [(kind, (1,), "x")] if kind else []
    )


def test_rows_are_compared_by_their_keys() -> None:
    """A row in between is missing or extra; those around it are still compared with themselves."""
    control = [{"id": 1, "x": "a"}, {"id": 2, "x": "b"}, {"id": 3, "x": "c"}]
    candidate = [{"id": 2, "x": "b"}, {"id": 3, "x": "C"}, {"id": 4, "x": "d"}]
    found = compare_rows(control, candidate, ("id",), ordered=True)
    assert [(mismatch.kind, mismatch.key) for mismatch in found] == [
        ("missing", (1,)),
        ("extra", (4,)),
        ("value", (3,)),
    ]


def test_order_counts_where_it_was_asked_for() -> None:
    """The same rows in another order are equal unless the question named an order."""
    rows: list[dict[str, Any]] = [{"id": 1}, {"id": 2}]
    assert compare_rows(rows, rows[::-1], ("id",), ordered=False) == []
    assert compare_rows(rows, rows[::-1], ("id",), ordered=True) == [Mismatch("order")]


def test_rows_without_keys_are_compared_by_their_places() -> None:
    """An answer that lacks the key's columns can still differ."""
    assert compare_rows([{"x": 1}], [{"x": 1}], (), ordered=True) == []
    assert [m.kind for m in compare_rows([{"x": 1}], [{"x": 2}], (), ordered=True)] == ["value"]
    assert [m.kind for m in compare_rows([{"x": 1}], [], (), ordered=True)] == ["missing"]
    assert [m.kind for m in compare_rows([{"x": 1, "y": 1}], [{"x": 1}], (), ordered=True)] == ["type"]


def test_counts_tell_missing_from_extra() -> None:
    """Nobody knows which rows, only which way."""
    assert compare_counts(3, 3) == []
    assert [m.kind for m in compare_counts(3, 2)] == ["missing"]
    assert [m.kind for m in compare_counts(3, 4)] == ["extra"]
