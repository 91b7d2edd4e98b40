"""What the demo says in the end, and about its own honesty."""

from __future__ import annotations

from datalayer.demo import words
from datalayer.demo.report import ComparedCall, DemoReport, Engines
from datalayer.transfer import VerifiedTable

REAL = Engines("PostgREST 12", "PostgreSQL 18")
STAND_IN = Engines("SQLite 3", "PostgreSQL 18", without_postgrest="there is no npm; get it")
EQUAL = VerifiedTable("clients", 1304, 1304, "aa", "aa")
UNLIKE = VerifiedTable("staff", 12, 11, "aa", "bb")


def test_summary_says_what_was_equal() -> None:
    """Calls, speed, and rows moved, each in a line."""
    report = DemoReport(REAL, [EQUAL], [ComparedCall("get_staff", 9.0, 3.0, equal=True)], sqlite_tables=[EQUAL])
    assert list(words.summary(report)) == [
        "1 call gave equal answers on Supabase and PostgreSQL",
        "PostgreSQL answered 3.0 times faster than Supabase (median over the calls)",
        "1,304 rows in 1 table moved, and every value was compared: 100 % equal",
        "1,304 rows in 1 table of the SQLite file moved, and every value was compared: 100 % equal",
    ]


def test_health_check_is_none_of_the_calls_counted() -> None:
    """The documentation speaks of twenty calls; so does the demo."""
    calls = [ComparedCall(f"call_{n}", 9.0, 3.0, equal=True) for n in range(20)]
    report = DemoReport(REAL, [EQUAL], [*calls, ComparedCall("health_check", 9.0, 3.0, equal=True)])
    assert next(words.summary(report)) == "20 calls and health_check gave equal answers on Supabase and PostgreSQL"


def test_counts_are_singular_for_one() -> None:
    """One company, two companies; names that are no plurals stay."""
    assert words.counted(1, "companies") == "1 company"
    assert words.counted(1304, "clients") == "1,304 clients"
    assert words.counted(1, "tables") == "1 table"
    assert words.counted(0, "rows") == "0 rows"
    assert words.counted(1, "staff") == "1 staff"


def test_notice_about_trigrams_is_short() -> None:
    """Somebody who looks at a demo need not create an index; other notices stay as they are."""
    long = (
        "left out clients_name_trgm_idx (names are searched without an index): the server does not offer pg_trgm; once"
    )
    assert words.notice(long) == "name search works without an index here: this PostgreSQL has no pg_trgm"
    assert words.notice("something else") == "something else"


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
    assert "there is no npm; get it" in text
    assert "there is no npm; get it" in list(words.sides(STAND_IN))[1]
    assert "faster" not in text


def test_next_steps_are_three_lines_of_settings() -> None:
    """The way to one's own data is short."""
    assert len(words.NEXT_STEPS) == 3
    assert "USE_LEGACY_SUPABASE=false" in words.NEXT_STEPS[2]
