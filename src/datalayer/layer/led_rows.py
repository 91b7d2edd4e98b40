"""Which rows of a table one of two stores leads: what whole tables are compared by, in backfills too."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

from datalayer.errors import ConfigurationError
from datalayer.layer.cohort_registry import CohortRegistry
from datalayer.layer.leads import ALL_OTHERS, LEADING_VARIABLES, Leads, in_words
from datalayer.layer.process_registry import ProcessRegistry
from datalayer.outbox.comparing import Chosen, Stretch
from datalayer.query import Row
from datalayer.routing.companies import COMPANY, company_of, of_all_others, of_companies
from datalayer.routing.holders import Holders
from datalayer.stores.catalog import ForeignKey, Table
from datalayer.stores.contract import Store
from datalayer.stores.postgres import PostgresStore

#: More companies than these are not named in a filter, which has to fit a URL: whose a row is, is seen on it instead.
_NAMED: Final = 100


class LedRows:
    """Asked when an entry about the whole table is in the outbox: until that is settled no primary changes.

    Neither does a company move; a move that is under way may not have seen the entry, and begins anew. Both may have
    happened since a backfill has begun.

    Args:
        primary: whose rows these are.
        main: the main primary.
        other: has the tables with a route to it, and the companies that are elsewhere.
        postgres: knows where companies are, and which primaries are on record.
        leads: the primaries by our settings.
        recorded: those that were on record when our work began, None for none: applications may not have begun since.
    """

    def __init__(
        self,
        primary: Store,
        main: Store,
        other: Store,
        postgres: PostgresStore,
        *,
        leads: Leads,
        recorded: Leads | None,
    ) -> None:
        self._is_main = primary is main
        self._holders = Holders(main, other)
        self._companies = CohortRegistry(postgres)
        self._primaries = ProcessRegistry(postgres)
        self._leads = leads
        self._recorded = recorded

    async def __call__(self, table: Table) -> Stretch | None:
        """Return the rows of a table that the primary leads, or some of; None for none.

        Raises:
            ConfigurationError: applications have begun with other primaries since.
        """
        await self._refuse_others()
        if table.name in self._leads:
            return Stretch()
        key = None if COMPANY in table.by_name else await self._holders.parent_of(table)
        is_nobodys = COMPANY not in table.by_name and key is None
        elsewhere = frozenset() if is_nobodys else await self._elsewhere()
        if not elsewhere:
            return Stretch() if self._is_main else None
        if key is not None:
            return Stretch(chosen=Chosen(key.columns[0], partial(self._of_parents, key, elsewhere)))
        if len(elsewhere) > _NAMED:
            return Stretch(chosen=Chosen(COMPANY, partial(self._of_companies, elsewhere)))
        return Stretch(where=(of_all_others if self._is_main else of_companies)(table, elsewhere))

    async def _refuse_others(self) -> None:
        record = await self._primaries.recorded()
        if record is not None and record.leads not in (self._leads, self._recorded):
            raise ConfigurationError(
                f"the primary is {in_words(record.leads)} by now, and was {in_words(self._leads)} when this began",
                variables=LEADING_VARIABLES,
            )

    async def _elsewhere(self) -> frozenset[str]:
        """Return the companies that the other store leads."""
        main = self._leads[ALL_OTHERS]
        placements = await self._companies.begin_anew()
        if not placements or not await self._primaries.cohort_stands(main):
            return frozenset()
        return frozenset(one.company for one in placements if one.store != main.value)

    async def _of_companies(self, elsewhere: frozenset[str], _: Store, rows: Sequence[Row]) -> list[Row]:
        """Return those of a store's rows whose company is led here."""
        return [row for row in rows if (company_of(row) in elsewhere) is not self._is_main]

    async def _of_parents(
        self, key: ForeignKey, elsewhere: frozenset[str], store: Store, rows: Sequence[Row]
    ) -> list[Row]:
        """Return those of a store's rows whose company, which stands in the row that they refer to, is led here."""
        column = key.columns[0]
        names = {row[column] for row in rows if row[column] is not None}
        companies = await self._holders.companies(store, key, list(names))
        return [row for row in rows if (companies.get(row[column]) in elsewhere) is not self._is_main]
