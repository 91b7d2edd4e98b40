"""Which store has the primary of which table, as settings say it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, TypeAlias

from datalayer.flags import Mode, StoreKind
from datalayer.layer.schema import TABLES_OF_REPOSITORIES
from datalayer.routing.routes import resolve_routes
from datalayer.stores.contract import Store

if TYPE_CHECKING:
    from datalayer.settings import Settings

#: Stands for all tables that have no route.
ALL_OTHERS: Final = "*"
#: What decides which of two stores leads.
LEADING_VARIABLES: Final = ("USE_LEGACY_SUPABASE", "USE_REPOSITORY_PATTERN")
#: The store of the primary by table.
Leads: TypeAlias = Mapping[str, StoreKind]


async def routes_of(settings: Settings, mode: Mode, stores: Mapping[StoreKind, Store]) -> dict[str, StoreKind]:
    """Return the tables whose primary is not the mode's.

    Args:
        stores: the mode's primary, and those that routes name.
    """
    if not settings.datalayer_routes:
        return {}
    catalogs = {kind: await store.catalog() for kind, store in stores.items()}
    return resolve_routes(settings.datalayer_routes, mode.primary, catalogs, TABLES_OF_REPOSITORIES)


def leads_of(mode: Mode, routes: Mapping[str, StoreKind]) -> Leads:
    """Return the primaries of a mode with these routes."""
    return {ALL_OTHERS: mode.primary, **routes}


def leader_of(table: str, leads: Leads) -> StoreKind:
    """Return the store that has a table's primary."""
    return leads.get(table, leads[ALL_OTHERS])


def in_words(leads: Leads) -> str:
    """Say for people which store leads."""
    routes = [f"{kind.value} for {table}" for table, kind in leads.items() if table != ALL_OTHERS]
    return ", ".join([leads[ALL_OTHERS].value, *routes])
