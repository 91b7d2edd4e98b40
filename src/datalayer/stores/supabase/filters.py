"""Filters written for PostgREST: as a logic tree, which says everything, or as parameters named after columns.

Names are quoted, so that no column clashes with a parameter of PostgREST's own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from datalayer.query import Comparison, Filter, Group, Negation, Operator
from datalayer.query.keyset import AfterRow
from datalayer.stores.catalog import Column, Table
from datalayer.stores.supabase import quoting, values

Quote: TypeAlias = Callable[[str], str]

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


def column_parameters(where: Filter, table: Table) -> list[tuple[str, str]] | None:
    """Write a plain conjunction of comparisons as one parameter each; None for any other filter.

    PostgREST applies a logic tree to an update's result once more, so that rows which no longer match are neither
    counted nor returned; parameters named after columns choose the rows to change and nothing else.
    """
    members = where.members if isinstance(where, Group) and where.joint == "and" else (where,)
    parameters: list[tuple[str, str]] = []
    for member in members:
        negated = isinstance(member, Negation)
        compared = member.inner if isinstance(member, Negation) else member
        if not isinstance(compared, Comparison):
            return None
        condition = _condition(compared, table, "not." if negated else "", str)
        parameters.append((quoting.quoted(compared.column), condition))
    return parameters or None


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
    if isinstance(where, AfterRow):
        return _written(where.spelled_out(table.never_null), table)
    if not isinstance(where, Negation):
        raise TypeError("a filter is built by col(...), where_equal(...), &, | or ~")
    inner = where.inner
    if isinstance(inner, Negation):
        return _written(inner.inner, table)
    if isinstance(inner, Comparison):
        return _comparison(inner, table, "not.")
    if isinstance(inner, AfterRow):
        return _written(Negation(inner.spelled_out(table.never_null)), table)
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
    return f"{quoting.quoted(where.column)}.{_condition(where, table, negated, quoting.value)}"


def _condition(where: Comparison, table: Table, negated: str, quote: Quote) -> str:
    """Write what stands after the column's name."""
    column = table.by_name[where.column]
    match where.operator:
        case Operator.IS_NULL:
            return f"{negated}is.null"
        case Operator.IS_NOT_NULL:
            return "is.null" if negated else "not.is.null"
        case Operator.IN:
            return negated + _in_list(where.value, column, quote)
        case Operator.LIKE | Operator.ILIKE:
            return negated + _pattern(where.operator, values.literal(where.value, column), quote)
        case _:
            return f"{negated}{_COMPARED[where.operator]}.{quote(values.literal(where.value, column))}"


def _in_list(listed: tuple[Any, ...], column: Column, quote: Quote) -> str:
    # PostgREST reads a list of one empty text as the empty list.
    if len(listed) == 1:
        return f"eq.{quote(values.literal(listed[0], column))}"
    return f"in.({','.join(in_list_element(value, column) for value in listed)})"


def _pattern(operator: Operator, pattern: str, quote: Quote) -> str:
    if "*" not in pattern:
        return f"{operator}.{quote(pattern)}"
    matched = "match" if operator is Operator.LIKE else "imatch"
    return f"{matched}.{quote(quoting.regex_for_like(pattern))}"
