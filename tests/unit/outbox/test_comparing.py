"""Which rows of a table are compared."""

from __future__ import annotations

from datalayer.outbox.comparing import Stretch
from datalayer.query import col


def test_a_stretch_within_another_has_the_conditions_of_both() -> None:
    """A range of keys that somebody asks for, among the rows that the store leads."""
    asked, led = col("id").gte(5), col("company_id").eq(7)
    both = Stretch((1,), asked).within(Stretch(where=led))
    assert both == Stretch((1,), asked & led)
    assert Stretch((1,)).within(Stretch(where=led)) == Stretch((1,), led)
    assert Stretch((1,), asked).within(Stretch()) == Stretch((1,), asked)
