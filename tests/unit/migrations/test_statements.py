"""Splitting SQL text into statements with their lines."""

from __future__ import annotations

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datalayer.errors import MigrationError
from datalayer.migrations.statements import Statement, split


def texts(sql: str) -> list[str]:
    """Return the statements' texts alone."""
    return [statement.text for statement in split(sql, source="0001_x.sql")]


def test_split_tells_each_statement_and_its_line() -> None:
    """A statement's line is where its first word stands, comments before it not counted as part of it."""
    sql = "-- heading\nselect 1;\n\n/* note */ select\n2 ;"
    assert split(sql, source="x") == [Statement("select 1", 2), Statement("select\n2 ", 4)]


@pytest.mark.parametrize(
    "statement",
    [
        "select 'a;b'",
        "select 'it''s; fine'",
        r"select E'back\';slash'",
        'select "odd;name" from t',
        "select $$ a; b $$",
        "do $body$ begin perform $$;$$; end $body$",
        "select 1 -- not; here\n + 1",
        "select 1 /* nor; /* nested; */ here; */ + 1",
        "create rule r as on insert to t do also (insert into a values (1); insert into b values (2))",
        "select price$cents, $1 from t",
        "create function f() returns int begin atomic select 1; select case when true then 2 end; end",
        "create or replace procedure p() begin atomic insert into t values (1); end",
        "create trigger t after insert on a begin update a set b = case when c then 1 end; delete from d; end",
        "create temp trigger t after insert on a when case when new.a then 1 end begin delete from d; end",
        "select 'кириллица; 😀'",
    ],
)
def test_split_keeps_semicolons_that_end_nothing(statement: str) -> None:
    """Quotes, comments, parentheses and bodies hide their semicolons."""
    assert texts(f"{statement};\nselect 1;") == [statement, "select 1"]


def test_split_takes_begin_and_end_as_statements_outside_of_bodies() -> None:
    """Transaction words are statements of their own, also in front of a CREATE TABLE."""
    assert texts("begin; create table case_t (a int); end;") == ["begin", "create table case_t (a int)", "end"]


def test_split_needs_no_semicolon_at_the_end() -> None:
    """The last statement may go without; empty ones do not count."""
    assert texts(";; select 1 ;; select 2 -- done") == ["select 1 ", "select 2 -- done"]
    assert texts(" -- nothing\n/* at all */ ;") == []


@pytest.mark.parametrize(
    ("sql", "line", "what"),
    [
        ("select 1;\nselect 'open", 2, "quote"),
        ('select "open', 1, "quote"),
        ("select 1;\n\ndo $x$ begin $y$ ;", 3, r"\$x\$"),
        ("/* a /* b */ ;", 1, "comment"),
        ("select 1;\nselect (1;", 2, "statement"),
        ("create trigger t after insert on a begin delete from b;", 1, "statement"),
    ],
)
def test_split_says_what_is_never_closed(sql: str, line: int, what: str) -> None:
    """An open quote, comment, parenthesis or body is an error that names file and line."""
    with pytest.raises(MigrationError, match=rf"0001_x\.sql, line {line}: .*{what}.* never closed"):
        split(sql, source="0001_x.sql")


@given(
    st.lists(st.sampled_from(["select 1", "select ';'", 'select "a;b"', "select (1)", "-- c;\nselect 2"]), max_size=6)
)
def test_split_agrees_with_sqlite_on_where_statements_end(parts: list[str]) -> None:
    """Every statement found is complete for SQLite's own scanner, and none is lost."""
    found = texts("".join(f"{part};\n" for part in parts))
    assert len(found) == len(parts)
    assert all(sqlite3.complete_statement(f"{text};") for text in found)
