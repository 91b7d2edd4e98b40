"""What the demo says in the end, and about its own honesty."""

from __future__ import annotations

from datalayer.demo import words
from datalayer.demo.report import Act, ComparedCall, DemoReport, DualWriteReport, Engines, Lag, Writing
from datalayer.transfer import VerifiedTable

REAL = Engines("PostgREST 12", "PostgreSQL 18")
STAND_IN = Engines("SQLite 3", "PostgreSQL 18", without_postgrest="there is no npm; get it")
EQUAL = VerifiedTable("clients", 1304, 1304, "aa", "aa")
WELL = DualWriteReport(
    [Act("backfill", Writing(98, [], 0.2), Lag(18, 0.9), 0.3), Act("flip", Writing(116, [], 0.3), Lag(10, 0.1), 0.1)],
    calls_settled=True,
    filled=True,
    followed=True,
    left_out={},
)
UNLIKE = VerifiedTable("staff", 12, 11, "aa", "bb")


def test_summary_says_what_was_equal() -> None:
    """Calls, speed, and rows moved, each in a line."""
    report = DemoReport(REAL, [EQUAL], [ComparedCall("get_staff", 9.0, 3.0, equal=True)], WELL, sqlite_tables=[EQUAL])
    assert list(words.summary(report)) == [
        "1 call gave equal answers on Supabase and PostgreSQL",
        "PostgreSQL answered 3.0 times faster than Supabase (median over the calls)",
        "214 writes meanwhile: no error, nothing left owed, both sides equal each time",
        "1,304 rows in 1 table moved, and every value was compared: 100 % equal",
        "1,304 rows in 1 table of the SQLite file moved, and every value was compared: 100 % equal",
    ]


def test_health_check_is_none_of_the_calls_counted() -> None:
    """The documentation speaks of twenty calls; so does the demo."""
    calls = [ComparedCall(f"call_{n}", 9.0, 3.0, equal=True) for n in range(20)]
    report = DemoReport(REAL, [EQUAL], [*calls, ComparedCall("health_check", 9.0, 3.0, equal=True)], WELL)
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
    report = DemoReport(REAL, [EQUAL, UNLIKE], [ComparedCall("get_staff", 9.0, 3.0, equal=False)], WELL)
    text = "\n".join(words.summary(report))
    assert "not equal: the answers of get_staff" in text
    assert "not equal: the tables staff" in text
    assert "100 %" not in text


def test_stand_in_is_never_called_supabase() -> None:
    """Where SQLite stands for Supabase the demo says so, and calls it by its own name."""
    assert "SQLite 3: it stands for Supabase here" in next(words.sides(STAND_IN))
    assert words.legacy_name(STAND_IN) == "SQLite"
    assert words.left_out(STAND_IN) == {"outage": "there is no npm; get it"}
    assert words.left_out(REAL) == {}
    report = DemoReport(STAND_IN, [EQUAL], [ComparedCall("get_staff", 9.0, 3.0, equal=True)], WELL)
    text = "\n".join(words.summary(report))
    assert "on SQLite and PostgreSQL" in text
    assert "say nothing of Supabase's" in text
    assert "there is no npm; get it" in text
    assert "there is no npm; get it" in list(words.sides(STAND_IN))[1]
    assert "faster" not in text
    assert "left out: an outage of PostgREST while PostgreSQL leads, since there is none here" in text


def test_act_says_errors_lag_and_what_was_not_settled() -> None:
    """Errors are named by their class, once each; entries that stay owed are said loudly."""
    well, wrong = WELL.acts[0], Act("outage", Writing(2, ["UnavailableError"] * 2, 0.1), Lag(1, 9.0), None)
    assert list(words.settled(well)) == [
        "98 writes meanwhile, no error, the slowest 200 ms",
        "most lag 18 entries, 0.9 s; all settled 0.3 s after the last write",
    ]
    assert list(words.settled(wrong)) == [
        "2 writes meanwhile, UnavailableError, the slowest 100 ms",
        "most lag 1 entry, 9.0 s; NOT SETTLED",
    ]


def test_next_steps_are_four_lines_of_settings() -> None:
    """The way to one's own data is short."""
    assert len(words.NEXT_STEPS) == 4
    assert "USE_LEGACY_SUPABASE=false" in words.NEXT_STEPS[3]
