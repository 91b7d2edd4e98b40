"""Filters written as PostgREST's logic tree, the one form in which no column name clashes with a parameter."""

from __future__ import annotations

from typing import Any

from datalayer.query import Comparison, Filter, Group, Negation, Operator
from datalayer.stores.catalog import Column, Table
from datalayer.stores.supabase import quoting, values

_COMPARED = {
    Operator.EQ: "eq",
    Operator.NEQ: "neq",
    Operator.GT: "gt",
    Operator.GTE: "gte",
    Operator.LT: "lt",
    Operator.LTE: "lte",
    Operator.CONTAINS: "cs",
}


def logic_tree(where: Filter, table: Table) -> str:
    """Write a filter as the value of the parameter ``and``."""
    return f"({_written(where, table)})"


def every_row(table: Table) -> str:
    """Write a filter that every row passes: Supabase refuses an update or delete without any."""
    return f"({_true(table)})"


def in_list_element(value: Any, column: Column) -> str:
    """Write one element of an in-list."""
    return quoting.value(values.literal(value, column))


def _written(where: Filter, table: Table) -> str:
    if isinstance(where, Comparison):
        return _comparison(where, table, "")
    if isinstance(where, Group):
        return _group(where, table)
    if not isinstance(where, Negation):
        raise TypeError("a filter is built by col(...), where_equal(...), &, | or ~")
    inner = where.inner
    if isinstance(inner, Negation):
        return _written(inner.inner, table)
    if isinstance(inner, Comparison):
        return _comparison(inner, table, "not.")
    return f"not.{_written(inner, table)}" if _has_members(inner) else f"not.and({_written(inner, table)})"


def _has_members(where: Filter) -> bool:
    return isinstance(where, Group) and bool(where.members)


def _group(where: Group, table: Table) -> str:
    if where.members:
        return f"{where.joint}({','.join(_written(member, table) for member in where.members)})"
    return _true(table) if where.joint == "and" else f"{quoting.quoted(table.columns[0].name)}.in.()"


def _true(table: Table) -> str:
    column = quoting.quoted(table.columns[0].name)
    return f"or({column}.is.null,{column}.not.is.null)"


def _comparison(where: Comparison, table: Table, negated: str) -> str:
    column = table.by_name[where.column]
    left = quoting.quoted(column.name)
    match where.operator:
        case Operator.IS_NULL:
            return f"{left}.{negated}is.null"
        case Operator.IS_NOT_NULL:
            return f"{left}.{'' if negated else 'not.'}is.null"
        case Operator.IN:
            return f"{left}.{negated}{_in_list(where.value, column)}"
        case Operator.LIKE | Operator.ILIKE:
            return f"{left}.{negated}{_pattern(where.operator, values.literal(where.value, column))}"
        case _:
            return f"{left}.{negated}{_COMPARED[where.operator]}.{in_list_element(where.value, column)}"


def _in_list(listed: tuple[Any, ...], column: Column) -> str:
    # PostgREST reads a list of one empty text as the empty list.
    if len(listed) == 1:
        return f"eq.{in_list_element(listed[0], column)}"
    return f"in.({','.join(in_list_element(value, column) for value in listed)})"


def _pattern(operator: Operator, pattern: str) -> str:
    if "*" not in pattern:
        return f"{operator}.{quoting.quoted(pattern)}"
    matched = "match" if operator is Operator.LIKE else "imatch"
    return f"{matched}.{quoting.quoted(quoting.regex_for_like(pattern))}"
