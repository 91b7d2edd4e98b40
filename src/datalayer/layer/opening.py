"""From settings to an open store: the one place that knows which class belongs to which kind."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from datalayer.errors import ConfigurationError
from datalayer.flags import StoreKind
from datalayer.telemetry import Observer
from datalayer.telemetry.logs import LogObserver

if TYPE_CHECKING:
    from datalayer.settings import Settings
    from datalayer.stores.contract import Store

LOGGER = logging.getLogger("datalayer")


async def open_store_for(
    kind: StoreKind, settings: Settings, observers: Sequence[Observer], *, create: bool = True
) -> Store:
    """Open the store of this kind, and nothing else; an embedded file is brought up to date first.

    Args:
        create: whether an embedded file that is not there is made; a mere look refuses.
    """
    match kind:
        case StoreKind.POSTGRES:
            return await _open_postgres(settings, observers)
        case StoreKind.SUPABASE:
            return await _open_supabase(settings, observers)
        case StoreKind.SQLITE:
            return await _open_sqlite(settings, observers, create=create)


def observers_for(settings: Settings) -> tuple[Observer, ...]:
    """Build the sinks that the settings ask for."""
    slow_seconds = settings.db_query_latency_threshold_ms / 1000
    observers: list[Observer] = []
    # A relay's trouble is logged also where no call is.
    if settings.log_database_calls or slow_seconds or settings.enable_dual_write:
        observers.append(LogObserver(every_call=settings.log_database_calls, slow_seconds=slow_seconds))
    if _reports_to_sentry(settings):
        from datalayer.telemetry.sentry import SentryObserver

        observers.append(SentryObserver())
    return tuple(observers)


def _reports_to_sentry(settings: Settings) -> bool:
    """Whether Sentry is wanted; an SDK that nobody has imported cannot have been initialised."""
    if settings.datalayer_sentry is not None:
        return settings.datalayer_sentry
    sdk = sys.modules.get("sentry_sdk")
    return sdk is not None and bool(sdk.is_initialized())


async def _open_postgres(settings: Settings, observers: Sequence[Observer]) -> Store:
    from datalayer.stores.postgres import PostgresStore

    dsn = settings.postgres_dsn()
    if dsn is None:
        raise ConfigurationError("PostgreSQL is not configured: set DATABASE_URL", variables=("DATABASE_URL",))
    return await PostgresStore.open(
        dsn.get_secret_value(),
        max_size=settings.postgres_max_connections,
        timeout=settings.datalayer_timeout_seconds,
        observers=observers,
    )


async def _open_supabase(settings: Settings, observers: Sequence[Observer]) -> Store:
    from datalayer.stores.supabase import SupabaseStore

    key = settings.supabase_api_key()
    if settings.supabase_url is None or key is None:
        raise ConfigurationError(
            "Supabase is not configured: set SUPABASE_URL and SUPABASE_SERVICE_ROLE_KEY",
            variables=("SUPABASE_URL", "SUPABASE_SERVICE_ROLE_KEY"),
        )
    return await SupabaseStore.open(
        settings.supabase_url,
        key.get_secret_value(),
        timeout=settings.datalayer_timeout_seconds,
        observers=observers,
    )


def _is_missing(file: Path) -> bool:
    return not file.exists()


async def _open_sqlite(settings: Settings, observers: Sequence[Observer], *, create: bool) -> Store:
    from datalayer import migrations
    from datalayer.stores.sqlite import SqliteStore

    file, is_new = settings.datalayer_sqlite_path, _is_missing(settings.datalayer_sqlite_path)
    if is_new and not create:
        raise ConfigurationError(
            f"there is no SQLite file {file}: set DATALAYER_SQLITE_PATH, or DATABASE_URL and SUPABASE_URL",
            variables=("DATALAYER_SQLITE_PATH", "DATABASE_URL", "SUPABASE_URL"),
        )
    store = await SqliteStore.open(file, timeout=settings.datalayer_timeout_seconds, observers=observers)
    if is_new and "datalayer_sqlite_path" not in settings.model_fields_set:
        LOGGER.warning("no database is configured (DATABASE_URL, SUPABASE_URL): made the SQLite file %s", file)
    try:
        await migrations.apply(store)
    except BaseException:
        await store.close()
        raise
    return store
