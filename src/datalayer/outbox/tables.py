"""Names of the bookkeeping tables, and which tables of the user's can be followed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from datalayer.errors import SelectionError
from datalayer.outbox.keys import KEY_KINDS
from datalayer.stores.catalog import Catalog, Kind, Table

#: One row: what this database is, whether writes are held, which script made the tables.
CONTROL: Final = "datalayer_control"
#: Entries that triggers wrote.
OUTBOX: Final = "datalayer_outbox"
#: Entries about another database's rows, which has no triggers.
MARKS: Final = "datalayer_marks"
#: What was applied last, by origin and key.
LEDGER: Final = "datalayer_ledger"
#: Writes to a primary without triggers whose end is not known yet.
OPERATIONS: Final = "datalayer_operations"
#: Keys with an apply in flight to a secondary without the apply function.
PINS: Final = "datalayer_pins"
#: PostgreSQL: applications at work, and the primaries they say; and the primaries on record.
PROCESSES: Final = "datalayer_processes"
LEADS: Final = "datalayer_leads"
#: SQLite: whether the transaction at work applies another store's rows.
APPLYING: Final = "datalayer_applying"

#: All bookkeeping tables begin with this; the user's own must not.
PREFIX: Final = "datalayer_"

#: Version of the scripts in sql/outbox and sql/supabase, kept in the control row.
SCRIPT: Final = 2

#: Types whose equal values have several texts, or whose text depends on a session's settings.
_AMBIGUOUS: Final = ("citext", "interval", "money")
_LEFT_OUT: Final = frozenset({"schema_migrations"})


def is_bookkeeping(name: str) -> bool:
    """Whether a table is about the database itself and not the user's."""
    return name.startswith((PREFIX, "sqlite_")) or name in _LEFT_OUT


def unusable(table: Table) -> str | None:
    """Return why a table cannot be followed and what to do about it; None where it can."""
    if not table.primary_key:
        return "it has no primary key; add one that is not deferrable, or leave the table out"
    for name in table.primary_key:
        kind = table.by_name[name].type
        if kind.array or kind.kind not in KEY_KINDS or (kind.kind is Kind.TEXT and kind.declared in _AMBIGUOUS):
            return (
                f"its key column {name} is of type {kind.declared}, whose equal values can be spelt differently; use"
                " another type for the key, or leave the table out"
            )
    return None


def followed(catalog: Catalog, named: Iterable[str] | None = None) -> list[Table]:
    """Return the tables to follow by name: those named, else all but bookkeeping that can be followed.

    Raises:
        SelectionError: a named table is missing, is bookkeeping, or cannot be followed.
    """
    if named is None:
        found = [table for name, table in sorted(catalog.tables.items()) if not is_bookkeeping(name)]
        return [table for table in found if unusable(table) is None]
    return [_usable(catalog, name) for name in sorted(set(named))]


def _usable(catalog: Catalog, name: str) -> Table:
    table = catalog.tables.get(name)
    if table is None:
        raise SelectionError(f"there is no table {name}; check the name, or create the table first", table=name)
    reason = "it is bookkeeping; leave it out" if is_bookkeeping(name) else unusable(table)
    if reason is not None:
        raise SelectionError(f"the table {name} cannot be written to two stores: {reason}", table=name)
    return table
