"""The check at start: whether the live schema has what the library's own repositories rely on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from datalayer import repositories
from datalayer.errors import ConfigurationError
from datalayer.repositories import BaseRepository
from datalayer.stores.catalog import Catalog, Table
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

_MIGRATE = {
    "postgres": "run `datalayer migrate up`",
    "sqlite": "run `datalayer migrate up`",
    "supabase": "apply the package's sql/postgres files in Supabase's SQL editor",
}


async def check_schema(store: Store, kinds: Sequence[RepositoryKind] = DOMAIN) -> None:
    """Compare tables, columns and conflict targets with the repositories; a check that a store cannot make is left out.

    Raises:
        ConfigurationError: names everything that is missing, and the statement or command that adds it.
    """
    catalog = await store.catalog()
    problems = list(_problems(catalog, kinds, _MIGRATE[store.name]))
    if problems:
        raise ConfigurationError(
            f"the schema of this {store.name} store is not what the repositories need: "
            + "; ".join(problems)
            + "; to start without this check set DATALAYER_CHECK_SCHEMA=false",
            variables=("DATALAYER_CHECK_SCHEMA",),
        )


def _problems(catalog: Catalog, kinds: Sequence[RepositoryKind], migrate: str) -> Iterator[str]:
    absent = [kind.table for kind in kinds if kind.table not in catalog.tables]
    if absent:
        yield f"there is no table {', '.join(absent)}: {migrate}"
    for kind in kinds:
        table = catalog.tables.get(kind.table)
        if table is not None:
            yield from _table_problems(table, kind, migrate)


def _table_problems(table: Table, kind: RepositoryKind, migrate: str) -> Iterator[str]:
    columns = [field.alias or name for name, field in kind.model.model_fields.items()]
    absent = [name for name in columns if name not in table.by_name]
    if absent:
        yield f"table {table.name} has no column {', '.join(absent)}: {migrate}"
    if table.keys_known and not table.has_key(kind.key) and not set(kind.key) & set(absent):
        yield (
            f"table {table.name} has no unique index for the conflict target ({', '.join(kind.key)}): "
            f"create unique index {table.name}_upsert_key on {table.name} ({', '.join(kind.key)})"
        )
