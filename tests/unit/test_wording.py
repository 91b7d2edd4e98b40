"""Words of messages."""

from __future__ import annotations

from datalayer.wording import counted


def test_one_thing_is_not_many() -> None:
    """Numbers and nouns agree."""
    assert [counted(number, "row") for number in (0, 1, 2000)] == ["0 rows", "1 row", "2,000 rows"]
