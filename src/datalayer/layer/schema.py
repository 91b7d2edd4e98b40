"""The check at start: whether the live schema has what the library's own repositories rely on."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from datalayer import repositories
from datalayer.errors import AccessDeniedError, ConfigurationError
from datalayer.repositories import BaseRepository
from datalayer.stores.catalog import Table
from datalayer.stores.contract import Store

RepositoryKind = type[BaseRepository[Any]]

#: Every repository that a layer has by name.
DOMAIN: Final[tuple[RepositoryKind, ...]] = (
    repositories.CompanyRepository,
    repositories.ClientRepository,
    repositories.ServiceRepository,
    repositories.StaffRepository,
    repositories.StaffScheduleRepository,
    repositories.BookingRepository,
    repositories.BookingNotificationRepository,
    repositories.ReminderRepository,
    repositories.AppointmentRepository,
    repositories.DialogContextRepository,
    repositories.MessageRepository,
    repositories.ActionRepository,
    repositories.WhatsappAuthRepository,
    repositories.WhatsappKeyRepository,
    repositories.WebhookEventRepository,
    repositories.MarketplaceEventRepository,
    repositories.CompanySyncStatusRepository,
)

#: Repositories of a layer that are not named as their table is.
TABLES_OF_REPOSITORIES: Final = {"appointments": repositories.AppointmentRepository.table}

_MIGRATE = {
    "postgres": "run `datalayer migrate up`",
    "sqlite": "run `datalayer migrate up`",
    "supabase": "apply the package's sql/postgres files in Supabase's SQL editor",
}


async def check_schema(store: Store, kinds: Sequence[RepositoryKind] = DOMAIN) -> None:
    """Compare tables, columns and conflict targets with the repositories.

    Raises:
        ConfigurationError: names everything that is missing, and the statement or command that adds it.
    """
    problems = await schema_problems(store, kinds)
    if problems:
        raise ConfigurationError(
            f"{_key_doubt(store)}the schema of this {store.name} store is not what the repositories need: "
            + "; ".join(problems)
            + "; to start without this check set DATALAYER_CHECK_SCHEMA=false",
            variables=("DATALAYER_CHECK_SCHEMA",),
        )


async def schema_problems(store: Store, kinds: Sequence[RepositoryKind] = DOMAIN) -> list[str]:
    """Return what the repositories lack in the live schema, each with the statement or command that adds it."""
    catalog = await store.catalog()
    migrate = _MIGRATE[store.name]
    problems: list[str] = []
    absent = [kind.table for kind in kinds if kind.table not in catalog.tables]
    if absent:
        problems.append(f"there is no table {', '.join(absent)}: {migrate}")
    present = [(catalog.tables[kind.table], kind) for kind in kinds if kind.table in catalog.tables]
    for table, kind in present:
        problems.extend(_column_problems(table, kind, migrate))
    for found in await asyncio.gather(*(_key_problems(store, table, kind) for table, kind in present)):
        problems.extend(found)
    return problems


def _key_doubt(store: Store) -> str:
    """Name the likely cause before all that is missing: a lesser key is shown no table that it has no right to."""
    if store.name != "supabase":
        return ""
    from datalayer.stores.supabase import SupabaseStore
    from datalayer.stores.supabase.keys import lesser_role

    role = lesser_role(store.client.supabase_key) if isinstance(store, SupabaseStore) else None
    if role is None:
        return ""
    return (
        f"the Supabase key is {role}, which is shown no table that it has no right to: set SUPABASE_SERVICE_ROLE_KEY to"
        " the service role's key. As this key sees it "
    )


def _column_problems(table: Table, kind: RepositoryKind, migrate: str) -> list[str]:
    columns = [field.alias or name for name, field in kind.model.model_fields.items()]
    absent = [name for name in columns if name not in table.by_name]
    return [f"table {table.name} has no column {', '.join(absent)}: {migrate}"] if absent else []


async def _key_problems(store: Store, table: Table, kind: RepositoryKind) -> list[str]:
    if not all(name in table.by_name for name in kind.key) or await _has_key(store, table, kind.key):
        return []
    key = ", ".join(kind.key)
    return [
        f"table {table.name} has no unique index for the conflict target ({key}):"
        f" create unique index {table.name}_upsert_key on {table.name} ({key})"
    ]


async def _has_key(store: Store, table: Table, key: tuple[str, ...]) -> bool:
    if table.has_key(key) or table.keys_known:
        return table.has_key(key)
    from datalayer.stores.supabase import SupabaseStore

    try:
        return not isinstance(store, SupabaseStore) or await store.check_conflict_target(table.name, key)
    except AccessDeniedError:
        # A key that may only read upserts nothing, so there is nothing to check.
        return True
