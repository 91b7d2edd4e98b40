"""Which companies a question is about, as far as it says so itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from datalayer.models.rules import MAX_ID
from datalayer.query import Filter, col
from datalayer.query.filters import Comparison, Group, Operator
from datalayer.stores.catalog import Kind, Table

#: The column that says whose row it is, in every table that has it.
COMPANY: Final = "company_id"

_TEXT: Final = frozenset({Kind.TEXT})


def pinned(where: Filter | None) -> frozenset[str] | None:
    """Return the companies that a filter can match; None where it does not say."""
    if isinstance(where, Comparison) and where.column == COMPANY:
        if where.operator is Operator.EQ:
            return frozenset({str(where.value)})
        if where.operator is Operator.IN:
            return frozenset(map(str, where.value))
    if isinstance(where, Group):
        parts = [pinned(member) for member in where.members]
        known = [part for part in parts if part is not None]
        if where.joint == "and" and known:
            return frozenset.intersection(*known)
        if where.joint == "or" and known and len(known) == len(parts):
            return frozenset().union(*known)
    return None


def company_of(row: Mapping[str, Any]) -> str | None:
    """Return whose row it is; None where it does not say."""
    value = row.get(COMPANY)
    return None if value is None else str(value)


def can_be_company(table: Table, company: str) -> bool:
    """Whether a row of the table can have this company, written just so."""
    if table.by_name[COMPANY].type.kind in _TEXT:
        return True
    return company.isdecimal() and str(int(company)) == company and int(company) <= MAX_ID


def of_companies(table: Table, companies: Iterable[str]) -> Filter:
    """Build the filter for the rows of these companies."""
    return col(COMPANY).in_(_values(table, companies))


def of_all_others(table: Table, companies: Iterable[str]) -> Filter:
    """Build the filter for all rows but those of these companies; rows of nobody are among them."""
    return col(COMPANY).is_null() | ~col(COMPANY).in_(_values(table, companies))


def _values(table: Table, companies: Iterable[str]) -> list[Any]:
    if table.by_name[COMPANY].type.kind in _TEXT:
        return sorted(companies)
    return sorted(int(company) for company in companies if company.isdecimal())
