"""What the demo says in the end, and about its own honesty."""

from __future__ import annotations

from datalayer.demo import words
from datalayer.demo.report import ComparedCall, DemoReport, Engines
from datalayer.transfer import VerifiedTable

REAL = Engines("PostgREST 12", "PostgreSQL 18", stands_in=False)
STAND_IN = Engines("SQLite 3", "PostgreSQL 18", stands_in=True)
EQUAL = VerifiedTable("clients", 1304, 1304, "aa", "aa")
UNLIKE = VerifiedTable("staff", 12, 11, "aa", "bb")


def test_summary_says_what_was_equal() -> None:
    """Calls, speed, and rows moved, each in a line."""
    report = DemoReport(REAL, [EQUAL], [ComparedCall("get_staff", 9.0, 3.0, equal=True)], sqlite_tables=[EQUAL])
    assert list(words.summary(report)) == [
        "1 calls gave equal answers on Supabase and PostgreSQL",
        "PostgreSQL answered 3.0 times faster than Supabase (median over the calls)",
        "1,304 rows in 1 tables moved, and every value was compared: 100 % equal",
        "1,304 rows in 1 tables of the SQLite file moved, and every value was compared: 100 % equal",
    ]


def test_summary_names_what_was_not_equal() -> None:
    """A call or a table that differs is named instead of counted."""
    report = DemoReport(REAL, [EQUAL, UNLIKE], [ComparedCall("get_staff", 9.0, 3.0, equal=False)])
    text = "\n".join(words.summary(report))
    assert "not equal: the answers of get_staff" in text
    assert "not equal: the tables staff" in text
    assert "100 %" not in text


def test_stand_in_is_never_called_supabase() -> None:
    """Where SQLite stands for Supabase the demo says so, and calls it by its own name."""
    assert "SQLite 3: it stands for Supabase here" in next(words.sides(STAND_IN))
    assert words.legacy_name(STAND_IN) == "SQLite"
    assert words.copied(STAND_IN) is None
    report = DemoReport(STAND_IN, [EQUAL], [ComparedCall("get_staff", 9.0, 3.0, equal=True)])
    text = "\n".join(words.summary(report))
    assert "on SQLite and PostgreSQL" in text
    assert "say nothing of Supabase's" in text
    assert "faster" not in text


def test_next_steps_are_three_lines_of_settings() -> None:
    """The way to one's own data is short."""
    assert len(words.NEXT_STEPS) == 3
    assert "USE_LEGACY_SUPABASE=false" in words.NEXT_STEPS[2]
