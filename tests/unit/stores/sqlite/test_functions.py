"""PostgreSQL's meaning of LIKE, @>, numbers and moments."""

from __future__ import annotations

import json
from functools import cmp_to_key
from typing import Any

import pytest

from datalayer.stores.sqlite import functions


@pytest.mark.parametrize(
    ("value", "pattern", "matches"),
    [
        ("", "", True),
        ("a", "", False),
        ("abc", "abc", True),
        ("abc", "a%", True),
        ("abc", "%c", True),
        ("abc", "%b%", True),
        ("abc", "%%", True),
        ("abc", "a_c", True),
        ("abc", "_", False),
        ("я😀ж", "я_ж", True),
        ("a\nb", "a%b", True),
        ("a\n", "a", False),
        ("100%", r"100\%", True),
        ("1000", r"100\%", False),
        ("a_c", r"a\_c", True),
        ("abc", r"a\_c", False),
        ("a\\c", r"a\\c", True),
        ("abc", r"a\bc", True),
        ("a.c", "a.c", True),
        ("abc", "a.c", False),
        ("aXbXc", "a%X%c", True),
        ("ab", "%ab%ab", False),
        ("abab", "%ab%ab", True),
        ("ABC", "abc", False),
    ],
)
def test_like_is_postgresqls(value: str, pattern: str, matches: bool) -> None:
    """Percent, underscore and backslash mean something, nothing else does."""
    assert functions.like(value, pattern) is matches


def test_ilike_matches_any_case_of_any_script() -> None:
    """SQLite's own LIKE knows the case of ASCII letters only."""
    assert functions.ilike("АННА Петрова", "%анна п%")
    assert functions.ilike("straße", "STRAßE")
    assert not functions.ilike("Анна", "%инна%")


def test_patterns_never_match_null() -> None:
    """NULL in, NULL out."""
    assert functions.like(None, "%") is None
    assert functions.ilike(None, "%") is None


def test_like_of_many_wildcards_is_quick() -> None:
    """A pattern that fits nowhere does not make the matcher try every way."""
    assert not functions.like("a" * 5000, "%a" * 40 + "%b")


@pytest.mark.parametrize(
    ("whole", "part", "contains"),
    [
        ([1, 2, 3], [3, 1], True),
        ([1, 2], [1, 1, 1], True),
        ([1, 2], [], True),
        ([], [1], False),
        ([1, None], [None], False),
        ([[1, 2], [3, 4]], [4], True),
        (["a"], [["a"]], True),
    ],
)
def test_array_contains_is_postgresqls(whole: list[Any], part: list[Any], contains: bool) -> None:
    """Every wanted element is there, dimensions do not matter, NULL is in no array."""
    assert functions.array_contains(json.dumps(whole), json.dumps(part)) is contains


@pytest.mark.parametrize(
    ("whole", "part", "contains"),
    [
        ({"a": 1, "b": {"c": [1, 2]}}, {"b": {"c": [2]}}, True),
        ({"a": 1}, {"a": True}, False),
        ({"a": 1}, {"a": 1.0}, True),
        ({"a": {}}, {"a": {}}, True),
        ({"a": 1}, {}, True),
        ([1, 2, [1, 3]], [[1]], True),
        ([1, 2, [1, 3]], [3], False),
        (["x", "y"], "x", True),
        ("x", ["x"], False),
        ({"a": ["x"]}, {"a": "x"}, False),
        ({"a": None}, {"a": None}, True),
        (None, None, True),
        ([], {}, False),
    ],
)
def test_json_contains_is_postgresqls(whole: Any, part: Any, contains: bool) -> None:
    """Objects by their keys, arrays by their elements, a bare scalar in an array at the top level only."""
    assert functions.json_contains(json.dumps(whole), json.dumps(part)) is contains


def test_equal_documents_are_spelled_equally() -> None:
    """Order of keys, spaces and 1.0 for 1 make no difference."""
    assert functions.document('{"b": [1.0, {"y":1,"x":2}], "a": null}') == functions.document(
        '{"a":null,"b":[1,{"x":2,"y":1}]}'
    )
    assert functions.document("true") != functions.document("1")


def test_decimals_are_ordered_as_numbers() -> None:
    """By value, NaN last."""
    texts = ["NaN", "10", "9.5", "-Infinity", "1E+2", "Infinity", "-0.1", "123456789012345678901234567890.2"]
    ordered = sorted(texts, key=cmp_to_key(functions.compare_decimals))
    assert ordered == [
        "-Infinity",
        "-0.1",
        "9.5",
        "10",
        "1E+2",
        "123456789012345678901234567890.2",
        "Infinity",
        "NaN",
    ]
    assert functions.compare_decimals("1.50", "1.5") == 0


def test_timestamps_are_ordered_as_moments() -> None:
    """With or without fraction, T or zone."""
    assert functions.compare_timestamps("2021-01-01 00:00:00", "2021-01-01T00:00:00.000000") == 0
    assert functions.compare_timestamps("2021-01-01 02:00:00+03:00", "2021-01-01 00:00:00") < 0
    assert functions.compare_timestamps("yesterday", "2021-01-01 00:00:00") > 0
