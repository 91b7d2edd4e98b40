"""and, or, not with SQL's three-valued logic."""

from __future__ import annotations

import pytest
from tests.integration.behaviour.asking import labels, put

from datalayer.query import Filter, Group, col
from datalayer.stores.contract import Store

A, B = col("whole"), col("small")
ROWS = (
    {"label": "11", "whole": 1, "small": 1},
    {"label": "12", "whole": 1, "small": 2},
    {"label": "1n", "whole": 1, "small": None},
    {"label": "21", "whole": 2, "small": 1},
    {"label": "nn", "whole": None, "small": None},
)


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (A.eq(1) & B.eq(1), ["11"]),
        (A.eq(1) | B.eq(1), ["11", "12", "1n", "21"]),
        (~A.eq(1), ["21"]),
        (~(A.eq(1) & B.eq(1)), ["12", "21"]),
        (~(A.eq(1) | B.eq(1)), []),
        (~~A.eq(1), ["11", "12", "1n"]),
        (A.neq(1) | A.is_null(), ["21", "nn"]),
        (~A.is_null(), ["11", "12", "1n", "21"]),
        (~(A.is_not_null() & B.is_not_null()), ["1n", "nn"]),
        ((A.eq(1) | A.eq(2)) & (B.eq(1) | B.is_null()), ["11", "1n", "21"]),
        ((A.eq(1) & B.eq(2)) | (A.eq(2) & B.eq(1)), ["12", "21"]),
        (A.eq(1) & ~(B.eq(1) | B.eq(2)), []),
        (~A.in_([1, 5]), ["21"]),
        (A.in_([]), []),
        (~A.in_([]), ["11", "12", "1n", "21", "nn"]),
        (A.in_([]) | B.eq(2), ["12"]),
        (A.eq(1) & A.gt(0) & A.lt(2) & B.eq(1), ["11"]),
        (Group("and", ()), ["11", "12", "1n", "21", "nn"]),
        (Group("or", ()), []),
        (~Group("or", ()), ["11", "12", "1n", "21", "nn"]),
        (A.eq(1) & Group("and", ()), ["11", "12", "1n"]),
    ],
)
async def test_joined_filters_follow_three_valued_logic(store: Store, where: Filter, expected: list[str]) -> None:
    """A row is found only where the whole filter is true; unknown is not true, nor is its negation."""
    await put(store, "things", *ROWS)
    assert await labels(store, where) == expected


async def test_eq_and_neq_together_miss_the_null_row(store: Store) -> None:
    """X = 1 or x <> 1 is not everything: a NULL is neither."""
    await put(store, "things", *ROWS)
    assert "nn" not in await labels(store, A.eq(1) | A.neq(1))


async def test_deeply_nested_filter_is_answered(store: Store) -> None:
    """Twenty levels of nesting are no more than a long sentence."""
    await put(store, "things", *ROWS)
    where: Filter = A.eq(1)
    for _ in range(10):
        where = ~(where & A.is_not_null())
        where = ~where | A.eq(99)
    assert await labels(store, where) == ["11", "12", "1n"]
