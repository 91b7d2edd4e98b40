"""Which rows of a table one of two stores leads, while companies are in both: what whole tables are compared by."""

from __future__ import annotations

import logging

from datalayer.layer.cohort_registry import CohortRegistry
from datalayer.outbox.comparing import Stretch
from datalayer.routing.companies import COMPANY, of_all_others, of_companies
from datalayer.routing.holders import Holders
from datalayer.stores.catalog import Table
from datalayer.stores.contract import Store
from datalayer.stores.postgres import PostgresStore

LOGGER = logging.getLogger("datalayer")


class LedRows:
    """Asked when an entry about the whole table is in the outbox: until that is settled no company moves.

    A move that is under way may not have seen it, and begins anew.

    Args:
        primary: whose rows these are.
        main: the main primary.
        other: has the companies that are elsewhere.
        postgres: knows which these are.
    """

    def __init__(self, primary: Store, main: Store, other: Store, postgres: PostgresStore) -> None:
        self._is_main = primary is main
        self._main = main
        self._holders = Holders(main, other)
        self._registry = CohortRegistry(postgres)

    async def __call__(self, table: Table) -> Stretch | None:
        """Return the rows; None for none, which are all where whose they are stands in rows that they refer to."""
        placements = await self._registry.begin_anew()
        elsewhere = {one.company for one in placements if one.store != self._main.name}
        if COMPANY in table.by_name and elsewhere:
            return Stretch(where=(of_all_others if self._is_main else of_companies)(table, elsewhere))
        if not self._is_main:
            return None
        if not elsewhere or await self._holders.is_nobodys(table.name):
            return Stretch()
        LOGGER.warning(
            "table %s is not compared while companies are in both stores: its rows do not say whose they are",
            table.name,
        )
        return None
