"""What a question says of the companies it is about, and which of them a share has."""

from __future__ import annotations

import pytest

from datalayer.layer.cohorts import place_of
from datalayer.query import Filter, col, where_equal
from datalayer.routing.companies import pinned


@pytest.mark.parametrize(
    ("where", "companies"),
    [
        (None, None),
        (col("company_id").eq(7), {"7"}),
        (col("company_id").eq("7"), {"7"}),
        (col("company_id").in_([7, 8]), {"7", "8"}),
        (where_equal(company_id=7, phone="x"), {"7"}),
        (where_equal(phone="x"), None),
        (where_equal(company_id=None), None),
        (col("company_id").gt(7), None),
        (col("company_id").eq(7) | col("phone").eq("x"), None),
        (col("company_id").eq(7) | col("company_id").eq(8), {"7", "8"}),
        (col("company_id").in_([7, 8]) & col("company_id").in_([8, 9]), {"8"}),
        (~col("company_id").eq(7), None),
        (col("name").eq("x") & (col("company_id").eq(7) | where_equal(company_id=8, id=1)), {"7", "8"}),
    ],
)
def test_filter_pins_the_companies_it_can_match(where: Filter | None, companies: set[str] | None) -> None:
    """Only what no row of another company can match counts as said."""
    assert pinned(where) == companies


def test_share_is_sticky_and_grows() -> None:
    """A company of a share is of every larger one, and about as many are of it as it says."""
    places = {str(company): place_of(str(company)) for company in range(1, 2001)}
    assert places == {str(company): place_of(str(company)) for company in range(1, 2001)}
    tenth = {company for company, place in places.items() if place < 0.1}
    half = {company for company, place in places.items() if place < 0.5}
    assert tenth < half
    assert 150 < len(tenth) < 250
    assert 900 < len(half) < 1100
    assert all(place < 1 for place in places.values())
