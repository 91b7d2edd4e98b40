"""The page of evidence: verdict, counts, nothing secret, nothing loaded from elsewhere."""

from __future__ import annotations

from datetime import UTC, datetime

from datalayer.transfer import Check, Difference, Differing, RepairedTable, RepairReport, VerifiedTable, VerifyReport
from datalayer.transfer.verifying.page import page

MOMENT = datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)
EQUAL = VerifiedTable("clients", 1304, 1304, "aa11", "aa11", method="inside both servers")
UNLIKE = VerifiedTable(
    "st<aff", 12, 12, "aa", "bb", (Difference("unequal value", {"id": 7}, ("name",)),), Differing(changed=3)
)
SOURCE, TARGET = "postgresql://app:secret@db.example:5432/salon?password=hidden", "sqlite:///salon.db"


def test_page_of_equal_stores_says_so() -> None:
    """The verdict, the counts, the moment and the checksum are on the page."""
    written = page(VerifyReport((EQUAL,), (), 1.5, started=MOMENT), source=SOURCE, target=TARGET)
    assert "Every row matches" in written
    assert "1,304" in written
    assert "2026-05-06 07:08:09 UTC" in written
    assert "aa11" in written
    assert "postgresql://db.example:5432/salon" in written


def test_page_names_differences_and_broken_rules() -> None:
    """What differs is named by key and column, escaped, and the rest is counted."""
    checks = (
        Check("foreign key", "(client_id) -> clients (id)", "visits", 2),
        Check("invariant", "nobody owes", None, None, "no SQL"),
        Check("required", "phone", "clients", 0),
    )
    written = page(VerifyReport((EQUAL, UNLIKE), ("a note",), 1.5, checks, MOMENT), source=SOURCE, target=TARGET)
    assert "The rows differ" in written
    assert "st&lt;aff" in written
    assert "st<aff" not in written
    assert "unequal value at id=7 in name" in written
    assert "and 2 more" in written
    assert "2 rows break it" in written
    assert "not checked: no SQL" in written
    assert "a note" in written


def test_page_of_broken_rules_is_no_proof() -> None:
    """Equal rows that break a rule do not get the good verdict."""
    report = VerifyReport((EQUAL,), (), 1.5, (Check("required", "phone", "clients", 1),), MOMENT)
    assert "rules are broken" in page(report, source=SOURCE, target=TARGET)


def test_page_is_self_contained_and_without_secrets() -> None:
    """No script, no address to load from, no password."""
    repaired = RepairReport(
        VerifyReport((UNLIKE,), (), 1), VerifyReport((EQUAL,), (), 1), (RepairedTable("staff", 3, 1),), ("left",)
    )
    written = page(VerifyReport((EQUAL,), (), 1.5, started=MOMENT), source=SOURCE, target=TARGET, repaired=repaired)
    assert "Repaired before" in written
    for forbidden in ("secret", "hidden", "app:", "<script", "src=", "href=", "@import"):
        assert forbidden not in written
