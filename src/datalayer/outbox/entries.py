"""What is owed to the other store: an entry says which key of which table changed, never to what.

Settling an entry means reading the key's current row on the primary and making the secondary equal. So entries need
no order among themselves, many of one key collapse into one, and doing it twice does no harm.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias
from uuid import UUID

from datalayer.query import Row

#: Values of a table's primary key in the order of its columns.
Key: TypeAlias = tuple[Any, ...]
EntryType: TypeAlias = Literal["upsert", "delete", "truncate", "sweep"]

#: The aggregateid of an entry that covers a whole table.
WHOLE_TABLE: Final = "*"

#: Steps of the ledger between two versions of the sequence. A trigger takes a version before its transaction is seen,
#: so a mark with a fresh one would outrank a write still under way: marks take a step above the ledger instead.
_STEPS: Final = 1 << 20


def ledger_version(version: int) -> int:
    """Return the place of a sequence's version in the ledger; marks fit in between, see :class:`Change`."""
    return version * _STEPS


def version_in_ledger(place: int) -> int:
    """Return the sequence's version that a place in the ledger is at, or is a mark's step above."""
    return place // _STEPS


@dataclass(frozen=True, slots=True)
class Entry:
    """One outbox entry.

    Args:
        version: from one sequence that never goes back; of two entries for one key the later commit has the higher.
        id: the event's identity for other carriers; the relay does not need it.
        key: None when the entry covers the whole table.
        type: what happened; the relay does not trust it and reads the row. A sweep with a key is a mark: nobody wrote
            the row, and its version orders nothing.
        tries: failed attempts so far.
        error: class of the last failure, without values.
        dead_at: when the relay gave up; a dead letter stays until somebody retries or discards it.
    """

    version: int
    id: UUID
    table: str
    key: Key | None
    type: EntryType
    created_at: dt.datetime
    tries: int = 0
    error: str | None = None
    dead_at: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """The state of one key that the secondary is to have.

    Args:
        version: in the ledger's measure: `ledger_version` of the highest version among the key's entries that were seen
            before the row was read; for a mark, one above what the ledger had for the key before the row was read.
        row: all columns as read on the primary; None where the key is absent there.
    """

    table: str
    key: Key
    version: int
    row: Row | None
