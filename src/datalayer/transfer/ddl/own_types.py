"""Enums and domains: made on PostgreSQL, and what they come down to where there are none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from datalayer.stores.catalog import Column, ColumnType, DomainType, EnumType, OwnType, Table
from datalayer.stores.sql_names import literal, quote


def create_type(own: OwnType) -> str:
    """Return the statement for PostgreSQL."""
    if isinstance(own, EnumType):
        return f"create type {own.name} as enum ({', '.join(map(literal, own.labels))})"
    parts = [f"create domain {own.name} as {own.base}"]
    if own.default is not None:
        parts.append(f"default {own.default}")
    if not own.nullable:
        parts.append("not null")
    parts += [f"constraint {quote(name)} {definition}" for name, definition in own.checks]
    return " ".join(parts)


def described(own: OwnType) -> str:
    """Return the type in words, for example ``enum mood``."""
    return f"{'enum' if isinstance(own, EnumType) else 'domain'} {own.name}"


def as_base(table: Table, column: Column) -> Column:
    """Return the column as it would be without domains: declared as the type below, with their NULLs and defaults.

    An array of a domain stays what it is: neither its default nor its NOT NULL are the column's.
    """
    for domain in _domains(table, column.type):
        kept = column.default if column.default is not None else domain.default
        nullable = column.nullable and domain.nullable
        column = replace(column, type=replace(column.type, declared=domain.base), nullable=nullable, default=kept)
    return column


def domain_checks(table: Table, column: Column) -> list[str]:
    """Return the checks of the column's domains."""
    return [definition for domain in _domains(table, column.type) for _, definition in domain.checks]


def enum_of(table: Table, column: Column) -> EnumType | None:
    """Return the enum that the column's values are of, whatever domains are over it; None for arrays of one."""
    found = table.own_type(as_base(table, column).type.declared)
    return found if isinstance(found, EnumType) and not column.type.array else None


def label_check(column: str, enum: EnumType) -> str:
    """Return the condition that holds for an enum's labels alone."""
    return f"{quote(column)} in ({', '.join(map(literal, enum.labels))})"


def _domains(table: Table, column_type: ColumnType) -> Iterator[DomainType]:
    """Yield a column's domain, the domain that it is over, and so on."""
    declared = column_type.declared
    while not declared.endswith("[]"):
        found = table.own_type(declared)
        if not isinstance(found, DomainType):
            return
        yield found
        declared = found.base
