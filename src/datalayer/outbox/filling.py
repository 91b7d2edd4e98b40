"""Rows of a backfill, applied below every version of a sequence: only to keys that nothing was applied to yet.

So it does not matter how old they are: a row that was deleted meanwhile does not come back, and a newer one stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from datalayer.outbox.entries import Change, Key
from datalayer.outbox.outcome import Reading
from datalayer.outbox.reconcile import Reconciler
from datalayer.outbox.rows import ledger_versions
from datalayer.query import Row
from datalayer.stores.catalog import Table

#: The version of what a backfill applies.
_LOWEST: Final = 1


async def fill(reconciler: Reconciler, table: Table, rows: Mapping[Key, Row]) -> list[Key]:
    """Apply rows to keys that nothing was applied to yet; return the keys that a relay has to look at.

    Raises:
        DataLayerError: the secondary is away.
    """
    versions = await ledger_versions(reconciler.ledger, reconciler.origin, table, list(rows))
    untouched = [Change(table.name, key, _LOWEST, row) for key, row in rows.items() if not versions[key]]
    outcome = await reconciler.apply(Reading(untouched))
    if outcome.outage is not None:
        raise outcome.outage
    return [key for key in rows if (table.name, key) not in outcome.done]
