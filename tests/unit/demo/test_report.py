"""The report: what is equal, and its JSON form."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from datalayer.demo import words
from datalayer.demo.measure import Measured
from datalayer.demo.report import Act, ComparedCall, DemoReport, DualWriteReport, Engines, Lag, Writing, compare_calls
from datalayer.transfer import VerifiedTable

ENGINES = Engines("PostgREST 12 before PostgreSQL 18", "PostgreSQL 18")
EQUAL = VerifiedTable("clients", 1304, 1304, "aa", "aa")
UNLIKE = VerifiedTable("staff", 12, 12, "aa", "bb")
FAST = ComparedCall("get_staff", 8.0, 2.0, equal=True)
FLIP = Act("flip", Writing(60, [], 0.02), Lag(9, 0.25), 0.5)
WELL = DualWriteReport([FLIP], calls_settled=True, filled=True, followed=True, left_out={})
WRONG = ComparedCall("get_company", 6.0, 3.0, equal=False)


def test_report_is_equal_when_every_part_is() -> None:
    """One table or one call that is not equal makes the whole report not equal."""
    assert DemoReport(ENGINES, [EQUAL], [FAST], WELL).equal
    assert DemoReport(ENGINES, [EQUAL], [FAST], WELL, sqlite_tables=[EQUAL]).equal
    assert not DemoReport(ENGINES, [EQUAL, UNLIKE], [FAST], WELL).equal
    assert not DemoReport(ENGINES, [EQUAL], [FAST, WRONG], WELL).equal
    assert not DemoReport(ENGINES, [EQUAL], [FAST], WELL, sqlite_tables=[UNLIKE]).equal


@pytest.mark.parametrize(
    "wrong",
    [
        replace(WELL, acts=[replace(FLIP, writing=Writing(60, ["UnavailableError"], 0.02))]),
        replace(WELL, acts=[FLIP, replace(FLIP, settle_seconds=None)]),
        replace(WELL, calls_settled=False),
        replace(WELL, filled=False),
        replace(WELL, followed=False),
    ],
    ids=["an error", "an act not settled", "calls not settled", "not equal when filled", "not equal at the end"],
)
def test_report_is_not_equal_where_dual_write_broke_a_promise(wrong: DualWriteReport) -> None:
    """An error that a caller saw, an entry that stayed owed, or sides that differ: each makes the demo fail."""
    report = DemoReport(ENGINES, [EQUAL], [FAST], wrong)
    assert not report.equal
    assert any(line.startswith("NOT WELL in dual-write: ") for line in words.summary(report))


def test_compare_calls_looks_at_every_round() -> None:
    """Calls are equal when the answers of all rounds are; times become milliseconds."""
    before = [Measured("a", 0.008, [1, 2]), Measured("b", 0.006, [1, 2])]
    after = [Measured("a", 0.002, [1, 2]), Measured("b", 0.003, [1, 3])]
    same, other = compare_calls(before, after)
    assert same == ComparedCall("a", 8.0, 2.0, equal=True)
    assert not other.equal
    assert same.times_faster == 4.0
    assert DemoReport(ENGINES, [], [same, other], WELL).times_faster == 3.0


def test_json_has_tables_calls_and_engines() -> None:
    """The JSON form names exactly the promised fields; the SQLite file's tables only where there was one."""
    value = json.loads(json.dumps(DemoReport(ENGINES, [EQUAL], [FAST], WELL).as_json()))
    assert value == {
        "tables": [{"table": "clients", "source_rows": 1304, "target_rows": 1304, "equal": True}],
        "calls": [{"name": "get_staff", "supabase_ms": 8.0, "postgres_ms": 2.0, "equal": True}],
        "engines": {
            "supabase": "PostgREST 12 before PostgreSQL 18",
            "postgres": "PostgreSQL 18",
            "stands_in": False,
        },
        "dual_write": {
            "writes": 60,
            "errors": [],
            "settled": True,
            "equal_after_backfill": True,
            "equal_after_way_back": True,
            "acts": [
                {
                    "name": "flip",
                    "writes": 60,
                    "errors": [],
                    "slowest_write_ms": 20.0,
                    "most_entries": 9,
                    "most_lag_seconds": 0.25,
                    "settled": True,
                    "settle_seconds": 0.5,
                }
            ],
            "left_out": {},
        },
    }
    without = Engines("SQLite 3", "PostgreSQL 18", without_postgrest="there is no npm")
    assert DemoReport(without, [EQUAL], [FAST], WELL).as_json()["engines"] == {
        "supabase": "SQLite 3",
        "postgres": "PostgreSQL 18",
        "stands_in": True,
        "without_postgrest": "there is no npm",
    }
    with_file = DemoReport(ENGINES, [EQUAL], [FAST], WELL, sqlite_tables=[UNLIKE]).as_json()
    assert [table["equal"] for table in with_file["sqlite_tables"]] == [False]
