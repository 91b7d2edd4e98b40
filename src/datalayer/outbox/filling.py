"""Rows of a backfill, applied below every version of a sequence: only to keys that nothing was applied to yet.

So it does not matter how old they are: a row that was deleted meanwhile does not come back, and a newer one stays. Keys
that were written on the secondary itself, and are owed by its outbox, are left to the relay as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from datalayer.outbox.entries import Change, Key
from datalayer.outbox.outcome import Reading
from datalayer.outbox.queue import Outbox
from datalayer.outbox.reconcile import Reconciler
from datalayer.outbox.rows import ledger_versions
from datalayer.outbox.tables import OUTBOX
from datalayer.query import Row
from datalayer.stores.catalog import Table

#: The version of what a backfill applies.
_LOWEST: Final = 1


async def fill(reconciler: Reconciler, table: Table, rows: Mapping[Key, Row]) -> list[Key]:
    """Apply rows to keys that nothing was applied to or written to yet; return the keys that a relay has to look at.

    Raises:
        DataLayerError: the secondary is away.
    """
    versions = await ledger_versions(reconciler.ledger, reconciler.origin, table, list(rows))
    owed = await _owed_there(reconciler, table, list(rows))
    untouched = [
        Change(table.name, key, _LOWEST, row) for key, row in rows.items() if not versions[key] and key not in owed
    ]
    outcome = await reconciler.apply(Reading(untouched))
    if outcome.outage is not None:
        raise outcome.outage
    return [key for key in rows if (table.name, key) not in outcome.done]


async def _owed_there(reconciler: Reconciler, table: Table, keys: Sequence[Key]) -> set[Key]:
    """Return the keys that the secondary itself owes: somebody wrote them there."""
    secondary = reconciler.secondary
    if OUTBOX not in (await secondary.catalog()).tables:
        return set()
    return await Outbox(secondary).owed(table.name, keys)
