"""Rules as different stores spell them."""

from __future__ import annotations

import pytest

from datalayer.transfer.schemas.details import Rule, checks_of


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [
        ("(price > (0)::numeric)", "price > 0"),
        ("a, b DESC", '("a", b desc)'),
        ("((state)::text <> ''::text)", "state <> ''"),
        ("lower(name)", "lower( [name] )"),
    ],
)
def test_rules_that_differ_in_spelling_mean_the_same(mine: str, theirs: str) -> None:
    """Casts, parentheses, quotes, spaces and case do not count."""
    assert Rule("x", mine).meaning == Rule("y", theirs).meaning


def test_rules_that_say_something_else_do_not_mean_the_same() -> None:
    """Another bound or another column is another rule, and so is a unique index."""
    assert Rule("x", "price > 0").meaning != Rule("x", "price > 1").meaning
    assert Rule("x", "a", unique=True).meaning != Rule("x", "a").meaning


def test_checks_are_read_out_of_a_table_definition() -> None:
    """Of columns and of the table, with names and without, parentheses and quotes inside."""
    definition = """create table t (a integer check (a > (1 + 2)), b text constraint "B ok" check (b <> ')'),
        checked text, constraint both check (a in (1, 2) or b = 'check'))"""
    assert checks_of(definition) == [
        ("", "a > (1 + 2)"),
        ('"B ok"', "b <> ')'"),
        ("both", "a in (1, 2) or b = 'check'"),
    ]
