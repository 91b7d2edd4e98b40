"""Tables put together in one line, for tests of what is read from a catalog."""

from __future__ import annotations

from datalayer.stores.catalog import Column, ColumnType, ForeignKey, Kind, Table


def column(name: str, kind: Kind, declared: str | None = None, *, array: bool = False, nullable: bool = True) -> Column:
    """Build a column as PostgreSQL's catalog tells it; without a declaration it is declared as its kind."""
    spelt = declared if declared is not None else kind.value + ("[]" if array else "")
    return Column(name, ColumnType(kind, spelt, array=array, padded=spelt.startswith("character(")), nullable=nullable)


def table(name: str, *columns: Column, key: tuple[str, ...] = (), parents: tuple[str, ...] = ()) -> Table:
    """Build a table; each parent is referred to by a column of its name."""
    keys = tuple(ForeignKey(f"{name}_{parent}", (parent,), parent, ("id",)) for parent in parents)
    return Table(name, columns, primary_key=key, foreign_keys=keys)
