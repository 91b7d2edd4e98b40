"""COPY's text format, column by column."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from http import HTTPStatus
from typing import Any

import pytest

from datalayer.query import Row
from datalayer.stores.catalog import Column, ColumnType, Kind
from datalayer.stores.postgres.copy_text import copy_text
from datalayer.stores.postgres.values import UnfitParameter

TEXT = ColumnType(Kind.TEXT, "text")
TEXTS = ColumnType(Kind.TEXT, "text[]", array=True)
WHOLE = ColumnType(Kind.INTEGER, "integer")


def lines(column_type: ColumnType, *values: Any) -> list[str] | None:
    """Return the lines of one column; None where its values cannot go this way."""
    text = copy_text([{"c": value} for value in values], [Column("c", column_type)])
    return None if text is None else text.decode().removesuffix("\n").split("\n")


def test_signs_of_the_format_are_escaped() -> None:
    """A backslash, a tab, both line ends; what looks like NULL or the end is text."""
    assert lines(TEXT, "a\\b", "\t", "\n\r", "\\N", "\\.", "") == ["a\\\\b", "\\t", "\\n\\r", "\\\\N", "\\\\.", ""]


def test_null_is_not_text() -> None:
    """Among values, first, last, or alone."""
    assert lines(TEXT, None, "x", None) == ["\\N", "x", "\\N"]
    assert lines(TEXT, None, None) == ["\\N", "\\N"]


def test_columns_are_separated_by_tabs() -> None:
    """In the order asked for, whatever the order in the rows."""
    rows: list[Row] = [{"b": "x", "a": 1}, {"a": 2, "b": None}]
    assert copy_text(rows, [Column("a", WHOLE), Column("b", TEXT)]) == b"1\tx\n2\t\\N\n"


def test_array_elements_are_quoted_where_they_must_be() -> None:
    """NULL is an element, its text another, quotes and backslashes are escaped twice over."""
    assert lines(TEXTS, ["a", "b"], []) == ['{"a","b"}', "{}"]
    assert lines(TEXTS, [None, "NULL"], ['"', "\\"]) == ['{NULL,"NULL"}', '{"\\\\"","\\\\\\\\"}']


@pytest.mark.parametrize(
    ("column_type", "value", "text"),
    [
        (WHOLE, True, "true"),
        (ColumnType(Kind.NUMERIC, "numeric"), Decimal("1.50"), "1.50"),
        (ColumnType(Kind.DOUBLE, "double precision"), 0.1, "0.1"),
        (ColumnType(Kind.BYTEA, "bytea"), b"\xff", "\\\\xff"),
        (ColumnType(Kind.DATE, "date"), date(1, 2, 3), "0001-02-03"),
        (ColumnType(Kind.JSONB, "jsonb"), {"a": "\n"}, '{"a":"\\\\n"}'),
        (ColumnType(Kind.INTEGER, "integer[]", array=True), [1, 2], "{1,2}"),
    ],
)
def test_values_are_spelled_as_the_server_reads_them(column_type: ColumnType, value: Any, text: str) -> None:
    """By the value's own type, and the column's where that decides."""
    assert lines(column_type, value) == [text]


@pytest.mark.parametrize(
    ("column_type", "value"),
    [
        (WHOLE, HTTPStatus.OK),
        (ColumnType(Kind.TEXT, "hstore"), {"a": "b"}),
        (TEXTS, [["a"], ["b"]]),
        (TEXTS, "{a}"),
        (ColumnType(Kind.TEXT, "box[]", array=True), ["(1,1),(0,0)"]),
    ],
)
def test_what_has_no_sure_text_does_not_go_this_way(column_type: ColumnType, value: Any) -> None:
    """The answer is None, and the caller has another way."""
    assert lines(column_type, value) is None


@pytest.mark.parametrize(
    ("column_type", "value"),
    [
        (TEXT, "a\0b"),
        (TEXT, 5),
        (ColumnType(Kind.BOOLEAN, "boolean"), 1),
        (ColumnType(Kind.DATE, "date"), datetime.max),
    ],
)
def test_unfit_values_are_refused(column_type: ColumnType, value: Any) -> None:
    """What the server would refuse, or take for something else."""
    with pytest.raises(UnfitParameter):
        lines(column_type, value)
