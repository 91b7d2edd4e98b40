"""The line that an owner reads about a table."""

from __future__ import annotations

import pytest

from datalayer.transfer import Difference, Differing, VerifiedTable


@pytest.mark.parametrize(
    ("table", "line"),
    [
        (VerifiedTable("clients", 1304, 1304, "a", "a"), "clients 1,304/1,304 rows match (100 %)"),
        (VerifiedTable("clients", 0, 0, "a", "a"), "clients 0/0 rows match (100 %)"),
        (
            VerifiedTable("t", 1_000_000, 1_000_000, "a", "b", differing=Differing(changed=1)),
            "t 999,999/1,000,000 rows match (99.99 %): 1 changed",
        ),
        (
            VerifiedTable("t", 4, 4, "a", "b", differing=Differing(missing=1, extra=1, changed=2, complete=False)),
            "t at most 1/4 rows match (25 %): 1 missing, 1 extra, 2 changed",
        ),
        (VerifiedTable("t", 4, None, None, None, (Difference("missing table", {}),)), "t is missing in the target"),
        (VerifiedTable("t", None, 4, None, None, (Difference("extra table", {}),)), "t is only in the target"),
    ],
)
def test_table_says_how_many_rows_match(table: VerifiedTable, line: str) -> None:
    """Rows that match, their share never rounded up, and what the others are."""
    assert str(table) == line
