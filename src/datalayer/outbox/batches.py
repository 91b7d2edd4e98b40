"""Entries of one claim by the key that they are about: many entries of one key are one piece of work."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from datalayer.outbox.companions import Named
from datalayer.outbox.entries import Entry
from datalayer.outbox.outcome import Owed
from datalayer.outbox.queue import Claimed
from datalayer.outbox.waiting import let_through


@dataclass(frozen=True, slots=True)
class Batch:
    """One claim.

    Args:
        entries: by table and key.
        owed: the keys, in the order of their last versions: the order of the writes keeps unique values apart.
        whole_tables: entries that cover a table.
        claimed: the claim itself.
    """

    entries: dict[Named, list[Entry]]
    owed: list[Owed]
    whole_tables: list[Entry]
    claimed: Claimed

    def of(self, keys: Iterable[Named]) -> list[Entry]:
        """Return the entries of these keys."""
        return [entry for named in keys for entry in self.entries[named]]

    def versions(self, keys: Iterable[Named]) -> list[int]:
        """Return the versions of the entries of these keys."""
        return [entry.version for entry in self.of(keys)]


def collect(claimed: Claimed) -> Batch:
    """Group claimed entries."""
    entries: dict[Named, list[Entry]] = {}
    whole_tables: list[Entry] = []
    for entry in claimed.entries:
        if entry.key is None:
            whole_tables.append(entry)
        else:
            entries.setdefault((entry.table, entry.key), []).append(entry)
    in_order = sorted(entries, key=lambda named: entries[named][-1].version)
    owed = [_owed(named, entries[named]) for named in in_order]
    return Batch(entries, owed, whole_tables, claimed)


def _owed(named: Named, entries: list[Entry]) -> Owed:
    """Take the highest version that orders something; marks have none."""
    version = max((entry.version for entry in entries if entry.type != "sweep"), default=None)
    return Owed(*named, version, deletes_allowed=any(let_through(entry.error) for entry in entries))
