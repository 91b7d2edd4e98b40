"""Foreign keys that a target can have: to tables that will be there, to a key of theirs, between types that compare."""

from __future__ import annotations

from collections.abc import Mapping

from datalayer.stores.catalog import Catalog, ForeignKey, Table
from datalayer.transfer.conversions import INTEGERS


def possible_references(chosen: Mapping[str, Table], present: Catalog) -> tuple[dict[str, list[ForeignKey]], list[str]]:
    """Return each chosen table's foreign keys that can be kept, and notes on the others.

    Args:
        chosen: tables of the source that are copied.
        present: the target before the copy.
    """
    kept: dict[str, list[ForeignKey]] = {name: [] for name in chosen}
    notes: list[str] = []
    for name, table in sorted(chosen.items()):
        for key in table.foreign_keys:
            reason = _impossible(table, key, present.tables.get(key.target_table) or chosen.get(key.target_table))
            if reason is None:
                kept[name].append(key)
            else:
                notes.append(
                    f"{name} ({', '.join(key.columns)}): its foreign key to {key.target_table} is left out, {reason}"
                )
    return kept, notes


def _impossible(table: Table, key: ForeignKey, parent: Table | None) -> str | None:
    """Return why a foreign key cannot be kept; SQLite accepts what PostgreSQL refuses."""
    if parent is None:
        return "that table is not copied and not in the target"
    if len(key.columns) != len(key.target_columns) or not set(key.target_columns) <= parent.by_name.keys():
        return "its columns do not exist there"
    if not parent.has_key(key.target_columns):
        return "its columns are not known to be a key there"
    for mine, theirs in zip(key.columns, key.target_columns, strict=True):
        kinds = {table.by_name[mine].type.kind, parent.by_name[theirs].type.kind}
        if len(kinds) > 1 and not kinds <= INTEGERS:
            return "the types of its columns differ"
    return None
