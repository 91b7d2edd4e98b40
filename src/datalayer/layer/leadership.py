"""Which rows a direction of a pair carries, where single tables or companies have their primary in the other store."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from datalayer.flags import Mode, StoreKind, has_cohort, resolve_mode
from datalayer.layer.cohort_registry import CohortRegistry
from datalayer.layer.leads import ALL_OTHERS, Leads, leader_of, leads_of, routes_of
from datalayer.layer.process_registry import ProcessRegistry
from datalayer.outbox.entries import Key
from datalayer.outbox.leadership import Leadership, WholeLeadership
from datalayer.routing.holders import Holders
from datalayer.stores.catalog import Table
from datalayer.stores.contract import Store
from datalayer.stores.postgres import PostgresStore

if TYPE_CHECKING:
    from datalayer.settings import Settings


class TableLeadership:
    """Of some tables everything, of the others nothing."""

    def __init__(self, primary: Store, leads: Leads) -> None:
        self._kind = StoreKind(primary.name)
        self._leads = leads

    def has_table(self, name: str) -> bool:
        """Whether it leads a table."""
        return leader_of(name, self._leads) is self._kind

    async def led(self, table: Table, keys: Collection[Key]) -> Collection[Key]:
        """Return all keys of a table that it leads."""
        return keys if self.has_table(table.name) else ()

    async def stay(self) -> None:
        """Do nothing: a table does not move while an entry about it waits."""


class CompanyLeadership:
    """The rows of some companies; the main primary has those of nobody too. Tables with a route go as a whole.

    Args:
        postgres: knows where companies are.
    """

    def __init__(self, primary: Store, secondary: Store, postgres: PostgresStore, leads: Leads) -> None:
        self._primary = primary
        self._secondary = secondary
        self._registry = CohortRegistry(postgres)
        self._main = leads[ALL_OTHERS].value
        self._routed = leads.keys()
        self._tables = TableLeadership(primary, leads)
        main, other = (primary, secondary) if primary.name == self._main else (secondary, primary)
        self._holders = Holders(main, other)

    def has_table(self, name: str) -> bool:
        """Whether it leads rows of a table: companies' it may."""
        return name not in self._routed or self._tables.has_table(name)

    async def led(self, table: Table, keys: Collection[Key]) -> Collection[Key]:
        """Return the keys of rows of its companies; whose a row was that is gone, the other store still knows."""
        if table.name in self._routed:
            return await self._tables.led(table, keys)
        leaders = await self._registry.leaders()
        if self._primary.name == self._main and set(leaders.values()) <= {self._main}:
            return keys
        owners = await self._holders.of_keys(self._primary, table, list(keys))
        if gone := [key for key in keys if key not in owners]:
            owners |= await self._holders.of_keys(self._secondary, table, gone)
        return [key for key in keys if key not in owners or self._leads(owners[key], leaders)]

    async def stay(self) -> None:
        """Have the move that is under way begin anew."""
        await self._registry.begin_anew()

    def _leads(self, company: str | None, leaders: dict[str, str]) -> bool:
        leader = self._main if company is None else leaders.get(company, self._main)
        return leader == self._primary.name


async def leadership_of(primary: Store, secondary: Store, settings: Settings) -> Leadership:
    """Return what the primary of a direction leads by these settings, or by a cohort that they end."""
    mode = resolve_mode(settings)
    stores = {StoreKind(store.name): store for store in (primary, secondary)}
    leads = leads_of(mode, await routes_of(settings, mode, stores))
    postgres = stores.get(StoreKind.POSTGRES)
    if isinstance(postgres, PostgresStore) and await are_companies_divided(settings, mode, postgres):
        return CompanyLeadership(primary, secondary, postgres, leads)
    return TableLeadership(primary, leads) if len(leads) > 1 else WholeLeadership()


async def are_companies_divided(settings: Settings, mode: Mode, postgres: PostgresStore) -> bool:
    """Whether companies may be in either store: by the settings, or as not all of a cohort that they end are back."""
    return has_cohort(settings, mode) or await ProcessRegistry(postgres).cohort_stands(mode.primary)
