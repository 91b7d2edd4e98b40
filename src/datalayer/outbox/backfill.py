"""Fill a secondary, table by table, while the primary goes on being written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from datalayer.errors import ConfigurationError
from datalayer.outbox.applying.order import parents_first
from datalayer.outbox.queue import Outbox
from datalayer.outbox.reconcile import Reconciler
from datalayer.outbox.sweep import FILL, Sweeper
from datalayer.outbox.tables import followed
from datalayer.query import Count
from datalayer.stores.contract import StoreName


@dataclass(frozen=True, slots=True)
class Filled:
    """How far a table has come.

    Args:
        source: the store that the rows come from.
        rows: compared so far, in this run.
        total: rows of the table when it was begun.
        applied: rows that the secondary lacked or had otherwise.
        marked: rows that are left to the relay.
    """

    table: str
    source: StoreName
    rows: int
    total: int
    applied: int
    marked: int


OnFilled: TypeAlias = Callable[[Filled], None]


async def backfill(
    reconciler: Reconciler,
    outbox: Outbox,
    *,
    tables: Sequence[str] | None = None,
    lease_seconds: float = 60.0,
    on_progress: OnFilled | None = None,
    admitted: Callable[[], None] = lambda: None,
) -> list[Filled]:
    """Fill tables, parents first; go on where an earlier run was cut off.

    Args:
        tables: None for all that can be followed. Those of which the source leads nothing are left out.
        admitted: asked before each table; raises where it must not be begun.

    Raises:
        SelectionError: a named table is not there, or cannot be followed.
        ConfigurationError: another process fills a table.
    """
    source = reconciler.primary
    catalog = await source.catalog(refresh=True)
    done: list[Filled] = []
    led = [table.name for table in followed(catalog, tables) if reconciler.leads(table.name)]
    for name in parents_first(catalog, led):
        admitted()
        filling = _Filling(Filled(name, source.name, 0, await source.count(Count(name)), 0, 0), on_progress)
        entry = await outbox.claim_table(name, FILL, lease_seconds=lease_seconds)
        if entry is None:
            raise ConfigurationError(f"{name} is being filled by another process; wait for it, or until its claim ends")
        sweeper = Sweeper(reconciler, outbox, lease_seconds=lease_seconds, on_page=filling.count)
        if await sweeper.sweep(entry):
            done.append(filling.so_far)
    return done


class _Filling:
    """Counts the pages of one table."""

    def __init__(self, begun: Filled, on_progress: OnFilled | None) -> None:
        self._on_progress = on_progress
        self.so_far = begun

    def count(self, rows: int, applied: int, marked: int) -> None:
        """Add a page."""
        so_far = self.so_far
        self.so_far = replace(
            so_far, rows=so_far.rows + rows, applied=so_far.applied + applied, marked=so_far.marked + marked
        )
        if self._on_progress is not None:
            self._on_progress(self.so_far)
