"""Constraint names out of CREATE TABLE."""

from __future__ import annotations

from datalayer.stores.sqlite.definitions import ConstraintNames

DEFINITION = '''create table t (
    id integer constraint t_id_pk primary key,
    price decimal_text(12, 2) constraint [cheap] check (price < 5),
    "a b" text default ('x,y') constraint "one ""ab""" unique,
    parent integer constraint up references parents (id),
    other int, CONSTRAINT pair UNIQUE (parent, "a b" collate nocase),
    constraint far foreign key (parent, other) references parents (id, other)
)'''

NAMES = ConstraintNames("t", DEFINITION, ("id", "price", "a b", "parent", "other"))


def test_given_names_are_found() -> None:
    """On columns and on the table, quoted in any of SQLite's ways."""
    assert NAMES.key("primary", ["id"]) == "t_id_pk"
    assert NAMES.key("unique", ["a b"]) == 'one "ab"'
    assert NAMES.key("unique", ["parent", "a b"]) == "pair"
    assert NAMES.key("foreign", ["parent"]) == "up"
    assert NAMES.key("foreign", ["parent", "other"]) == "far"
    assert NAMES.check("cheap") == "cheap"


def test_names_not_given_are_those_postgresql_would_make() -> None:
    """So the same failure names the same constraint on both."""
    assert NAMES.key("unique", ["other"]) == "t_other_key"
    assert NAMES.key("foreign", ["other"]) == "t_other_fkey"
    assert ConstraintNames("u", "", ()).key("primary", ["x", "y"]) == "u_pkey"
    assert NAMES.check("other > 0") == "t_other_check"
    assert NAMES.check("other > price") == "t_check"
