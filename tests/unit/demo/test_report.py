"""The report: what is equal, and its JSON form."""

from __future__ import annotations

import json

from datalayer.demo.measure import Measured
from datalayer.demo.report import ComparedCall, DemoReport, Engines, compare_calls
from datalayer.transfer import VerifiedTable

ENGINES = Engines("PostgREST 12 before PostgreSQL 18", "PostgreSQL 18")
EQUAL = VerifiedTable("clients", 1304, 1304, "aa", "aa")
UNLIKE = VerifiedTable("staff", 12, 12, "aa", "bb")
FAST = ComparedCall("get_staff", 8.0, 2.0, equal=True)
WRONG = ComparedCall("get_company", 6.0, 3.0, equal=False)


def test_report_is_equal_when_every_part_is() -> None:
    """One table or one call that is not equal makes the whole report not equal."""
    assert DemoReport(ENGINES, [EQUAL], [FAST]).equal
    assert DemoReport(ENGINES, [EQUAL], [FAST], sqlite_tables=[EQUAL]).equal
    assert not DemoReport(ENGINES, [EQUAL, UNLIKE], [FAST]).equal
    assert not DemoReport(ENGINES, [EQUAL], [FAST, WRONG]).equal
    assert not DemoReport(ENGINES, [EQUAL], [FAST], sqlite_tables=[UNLIKE]).equal


def test_compare_calls_looks_at_every_round() -> None:
    """Calls are equal when the answers of all rounds are; times become milliseconds."""
    before = [Measured("a", 0.008, [1, 2]), Measured("b", 0.006, [1, 2])]
    after = [Measured("a", 0.002, [1, 2]), Measured("b", 0.003, [1, 3])]
    same, other = compare_calls(before, after)
    assert same == ComparedCall("a", 8.0, 2.0, equal=True)
    assert not other.equal
    assert same.times_faster == 4.0
    assert DemoReport(ENGINES, [], [same, other]).times_faster == 3.0


def test_json_has_tables_calls_and_engines() -> None:
    """The JSON form names exactly the promised fields; the SQLite file's tables only where there was one."""
    value = json.loads(json.dumps(DemoReport(ENGINES, [EQUAL], [FAST]).as_json()))
    assert value == {
        "tables": [{"table": "clients", "source_rows": 1304, "target_rows": 1304, "equal": True}],
        "calls": [{"name": "get_staff", "supabase_ms": 8.0, "postgres_ms": 2.0, "equal": True}],
        "engines": {
            "supabase": "PostgREST 12 before PostgreSQL 18",
            "postgres": "PostgreSQL 18",
            "stands_in": False,
        },
    }
    without = Engines("SQLite 3", "PostgreSQL 18", without_postgrest="there is no npm")
    assert DemoReport(without, [EQUAL], [FAST]).as_json()["engines"] == {
        "supabase": "SQLite 3",
        "postgres": "PostgreSQL 18",
        "stands_in": True,
        "without_postgrest": "there is no npm",
    }
    with_file = DemoReport(ENGINES, [EQUAL], [FAST], sqlite_tables=[UNLIKE]).as_json()
    assert [table["equal"] for table in with_file["sqlite_tables"]] == [False]
