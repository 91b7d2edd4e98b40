"""Which rows of a table one of two stores leads, while companies may be in both: what whole tables are compared by."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial

from datalayer.flags import StoreKind
from datalayer.layer.cohort_registry import CohortRegistry
from datalayer.layer.process_registry import ProcessRegistry
from datalayer.outbox.comparing import Chosen, Stretch
from datalayer.query import Row
from datalayer.routing.companies import COMPANY, of_all_others, of_companies
from datalayer.routing.holders import Holders
from datalayer.stores.catalog import ForeignKey, Table
from datalayer.stores.contract import Store
from datalayer.stores.postgres import PostgresStore


class LedRows:
    """Asked when an entry about the whole table is in the outbox: until that is settled no company moves.

    A move that is under way may not have seen it, and begins anew. Nobody needs to know beforehand whether companies
    are in both stores: that may begin while a backfill is at work.

    Args:
        primary: whose rows these are.
        main: the main primary.
        other: has the companies that are elsewhere.
        routed: tables with a route, which either store leads as a whole.
        postgres: knows where companies are.
    """

    def __init__(
        self, primary: Store, main: Store, other: Store, *, routed: Collection[str], postgres: PostgresStore
    ) -> None:
        self._is_main = primary is main
        self._main = StoreKind(main.name)
        self._holders = Holders(main, other)
        self._routed = routed
        self._postgres = postgres

    async def __call__(self, table: Table) -> Stretch | None:
        """Return the rows of a table that the primary leads, or some of; None for none."""
        if table.name in self._routed:
            return Stretch()
        elsewhere = await self._elsewhere()
        if COMPANY in table.by_name and elsewhere:
            return Stretch(where=(of_all_others if self._is_main else of_companies)(table, elsewhere))
        if elsewhere and (key := await self._holders.parent_of(table)) is not None:
            return Stretch(chosen=Chosen(key.columns[0], partial(self._of_parents, key, elsewhere)))
        return Stretch() if self._is_main else None

    async def _elsewhere(self) -> frozenset[str]:
        """Return the companies that the other store leads."""
        placements = await CohortRegistry(self._postgres).begin_anew()
        if not placements or not await ProcessRegistry(self._postgres).cohort_stands(self._main):
            return frozenset()
        return frozenset(one.company for one in placements if one.store != self._main.value)

    async def _of_parents(
        self, key: ForeignKey, elsewhere: frozenset[str], store: Store, rows: Sequence[Row]
    ) -> list[Row]:
        """Return those of a store's rows whose company, which stands in the row that they refer to, is led here."""
        column = key.columns[0]
        names = {row[column] for row in rows if row[column] is not None}
        companies = await self._holders.companies(store, key, list(names))
        return [row for row in rows if (companies.get(row[column]) in elsewhere) is not self._is_main]
