"""Which tables are meant: the ones that were named, else all but a store's own bookkeeping."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from datalayer.errors import RefusedError, SelectionError
from datalayer.outbox.tables import is_bookkeeping
from datalayer.stores.catalog import Catalog
from datalayer.stores.contract import Store
from datalayer.transfer.hidden_rows import hidden_rows


def selected(catalog: Catalog, named: Sequence[str] | None) -> set[str]:
    """Return the names of the tables that are meant and there; names that are not there are left out.

    Tables about the database itself are each side's own: they are moved only when they are named.
    """
    if named is not None:
        return set(named) & catalog.tables.keys()
    return {name for name in catalog.tables if not is_bookkeeping(name)}


def check_named(named: Sequence[str] | None, *catalogs: Catalog) -> None:
    """Raise SelectionError for a name that none of the catalogs has, and for an empty choice."""
    if named is None:
        return
    if not named:
        raise SelectionError("no table is named; leave the choice out for all tables")
    unknown = [name for name in named if not any(name in catalog.tables for catalog in catalogs)]
    if unknown:
        known = sorted(_all_names(catalogs))
        shown = ", ".join(known[:20]) + (", ..." if len(known) > 20 else "")
        raise SelectionError(f"there is no table {', '.join(unknown)}; there are: {shown or 'none'}", table=unknown[0])


def refuse_no_tables(names: Collection[str], done: str, *stores: Store) -> None:
    """Raise RefusedError where there is nothing to move or compare: that would look like success.

    Args:
        done: what was not, for the message.
        stores: those without a table.
    """
    if not names:
        lacking = "neither the source nor the target has a table" if len(stores) > 1 else "the source has no table"
        raise RefusedError("; ".join([f"nothing was {done}: {lacking}", *hidden_rows(*stores)]))


def _all_names(catalogs: Iterable[Catalog]) -> set[str]:
    return {name for catalog in catalogs for name in catalog.tables if not is_bookkeeping(name)}
