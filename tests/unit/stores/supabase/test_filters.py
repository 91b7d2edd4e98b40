"""Filters as logic trees and as parameters."""

from __future__ import annotations

import pytest
from tests.unit.stores.supabase.tables import PEOPLE

from datalayer.query import Filter, Group, col
from datalayer.stores.supabase.filters import column_parameters, every_row, logic_tree


@pytest.mark.parametrize(
    ("where", "tree"),
    [
        (col("name").eq("a,b"), '("name".eq."a,b")'),
        (col("age").is_null(), '("age".is.null)'),
        (~col("age").is_null(), '("age".not.is.null)'),
        (~col("age").is_not_null(), '("age".is.null)'),
        (~col("age").gt(1), '("age".not.gt.1)'),
        (~~col("age").gt(1), '("age".gt.1)'),
        (col("age").gt(1) & col("name").eq("x"), '(and("age".gt.1,"name".eq.x))'),
        (~(col("age").gt(1) | col("name").eq("x")), '(not.or("age".gt.1,"name".eq.x))'),
        (col("age").in_([1, 2]), '("age".in.(1,2))'),
        (col("name").in_([""]), '("name".eq."")'),
        (col("age").in_([]), '("age".in.())'),
        (col("name").like("a%"), '("name".like."a%")'),
        (col("name").like("a*"), '("name".match."^a\\\\*$")'),
        (col("name").ilike("a*"), '("name".imatch."^a\\\\*$")'),
        (col("tags").contains(["a,b", "c"]), '("tags".cs."{\\"a,b\\",\\"c\\"}")'),
        (col("doc").contains({"a": [1]}), '("doc".cs."{\\"a\\":[1]}")'),
        (Group("and", ()), '(or("id".is.null,"id".not.is.null))'),
        (Group("or", ()), '("id".in.())'),
        (~Group("or", ()), '(not.and("id".in.()))'),
    ],
)
def test_logic_tree_says_the_filter(where: Filter, tree: str) -> None:
    """Every operator, joint and negation has its form; empty groups are true and false."""
    assert logic_tree(where, PEOPLE) == tree


def test_plain_conjunction_becomes_parameters_named_after_columns() -> None:
    """Values stand bare there, names are quoted so that none is a parameter of PostgREST's own."""
    where = col("two words").eq("a,b") & ~col("age").in_([1, 2]) & col("name").like("x*")
    assert column_parameters(where, PEOPLE) == [
        ('"two words"', "eq.a,b"),
        ('"age"', "not.in.(1,2)"),
        ('"name"', "match.^x\\*$"),
    ]


@pytest.mark.parametrize(
    "where", [col("age").eq(1) | col("age").eq(2), ~(col("age").eq(1) & col("name").eq("x")), Group("and", ())]
)
def test_other_filters_have_no_parameters(where: Filter) -> None:
    """Alternatives and negated groups need the tree."""
    assert column_parameters(where, PEOPLE) is None


def test_every_row_is_a_filter_that_is_always_true() -> None:
    """A column is NULL or is not."""
    assert every_row(PEOPLE) == '(or("id".is.null,"id".not.is.null))'
