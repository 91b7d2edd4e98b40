"""The classes of differences: what a person would call it, decided from two values."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datalayer.transfer.verifying.classes import classify

_MOMENT = dt.datetime(2024, 5, 6, 7, 8, 9, 123456, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("mine", "theirs", "expected"),
    [
        (None, "", "null"),
        (0, None, "null"),
        (Decimal("1.25"), Decimal("1.2"), "precision"),
        (Decimal("1.25"), Decimal("1.3"), "precision"),
        (Decimal("1.25"), Decimal("1.4"), "value"),
        (Decimal("0.004"), Decimal(0), "precision"),
        (1300, 1304, "value"),
        (Decimal("NaN"), Decimal(1), "value"),
        (0.1, 0.10000000149011612, "precision"),
        (0.1, 0.2, "value"),
        (_MOMENT, _MOMENT.replace(microsecond=123000), "precision"),
        (_MOMENT, _MOMENT.replace(microsecond=0), "precision"),
        (_MOMENT, _MOMENT + dt.timedelta(hours=3), "value"),
        (dt.time(1, 2, 3, 4), dt.time(1, 2, 3), "precision"),
        ("1", 1, "type"),
        (True, 1, "type"),
        ("a", "a ", "value"),
        (["a", None], ["a", "b"], "null"),
        (["a"], ["a", "b"], "value"),
        ({"n": 1, "s": "1"}, {"n": 1, "s": 1}, "type"),
        ({"n": Decimal("1.25")}, {"n": Decimal("1.2")}, "precision"),
        ({"n": 1}, {"m": 1}, "value"),
    ],
)
def test_classify_says_in_what_way_values_differ(mine: Any, theirs: Any, expected: str) -> None:
    """Each pair has the class that a person would give it, whichever side comes first."""
    assert classify(mine, theirs) == expected
    assert classify(theirs, mine) == expected


@given(st.decimals(-1000, 1000, places=4), st.integers(0, 3))
def test_a_rounded_number_differs_in_precision(number: Decimal, places: int) -> None:
    """A number that lost decimal places is never called another value."""
    rounded = round(number, places)
    if rounded != number:
        assert classify(number, rounded) == "precision"
