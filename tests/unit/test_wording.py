"""Words of messages."""

from __future__ import annotations

from datalayer.wording import agreed, counted, with_article


def test_one_thing_is_not_many() -> None:
    """Numbers and nouns agree."""
    assert [counted(number, "row") for number in (0, 1, 2000)] == ["0 rows", "1 row", "2,000 rows"]
    assert [agreed(number, "breaks", "break") for number in (0, 1, 2)] == ["break", "breaks", "break"]
    assert [with_article(noun) for noun in ("dict", "int", "OddMoment")] == ["a dict", "an int", "an OddMoment"]
