"""Dependency order: parents first, circles together."""

from __future__ import annotations

from tests.unit.transfer.tables import table

from datalayer.stores.catalog import Table
from datalayer.transfer.ordering import dependency_groups


def _names(*tables: Table) -> list[tuple[str, ...]]:
    return [tuple(t.name for t in group) for group in dependency_groups({t.name: t for t in tables})]


def test_dependency_groups_put_parents_first() -> None:
    """A table comes after every table it refers to."""
    order = _names(table("a", parents=("b", "c")), table("b", parents=("c",)), table("c"))
    assert order == [("c",), ("b",), ("a",)]


def test_dependency_groups_keep_a_table_that_refers_to_itself_alone() -> None:
    """A self reference is no circle of tables."""
    assert _names(table("staff", parents=("staff",)), table("a", parents=("staff",))) == [("staff",), ("a",)]


def test_dependency_groups_put_a_circle_together() -> None:
    """Tables that refer to each other are one group, between what they need and what needs them."""
    order = _names(
        table("after", parents=("one",)),
        table("one", parents=("two",)),
        table("two", parents=("three", "before")),
        table("three", parents=("one",)),
        table("before"),
    )
    assert order == [("before",), ("one", "three", "two"), ("after",)]


def test_dependency_groups_keep_two_circles_apart() -> None:
    """Circles that only touch in one direction stay groups of their own."""
    order = _names(
        table("a", parents=("b",)),
        table("b", parents=("a",)),
        table("c", parents=("d", "a")),
        table("d", parents=("c",)),
    )
    assert order == [("a", "b"), ("c", "d")]


def test_dependency_groups_ignore_tables_that_are_not_given() -> None:
    """A reference to a table that is not copied does not matter for the order."""
    assert _names(table("a", parents=("elsewhere",))) == [("a",)]


def test_dependency_groups_take_a_long_chain() -> None:
    """A chain longer than Python's recursion limit is ordered as well."""
    chain = [table(f"t{n:04}", parents=(f"t{n + 1:04}",)) for n in range(400)]
    assert len(_names(*chain)) == 400
    assert _names(*chain)[0] == ("t0399",)
