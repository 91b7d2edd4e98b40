"""``datalayer outbox install|uninstall|unfence``."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Final, TypeAlias

import typer

from datalayer.cli import output
from datalayer.cli.errors import EXIT_CODES, opening
from datalayer.cli.installing import LockTimeout, Tables, Yes, refuse_to_drop, tell_installed, tell_uninstalled
from datalayer.cli.outbox import commands
from datalayer.cli.transfer import AsJson, names
from datalayer.errors import (
    ConfigurationError,
    InvalidValueError,
    StoreTimeoutError,
    UnavailableError,
    UnsupportedOperationError,
)

if TYPE_CHECKING:
    from datalayer.outbox.capture.status import Installed
    from datalayer.stores.contract import Store
    from datalayer.stores.postgres import PostgresStore
    from datalayer.stores.sqlite import SqliteStore

#: How often, and after how many seconds each, we look whether PostgREST has read a schema again that has changed.
_LOOKS: Final = 20
_LOOK_SECONDS: Final = 0.1

Url: TypeAlias = Annotated[
    str | None,
    typer.Option(
        help="postgresql://USER@HOST/DATABASE or sqlite:///FILE. Without it: the primary and the store that follows, by"
        " the environment.",
        show_default=False,
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands to those about the outbox."""
    commands.command(epilog=EXIT_CODES)(install)
    commands.command(epilog=EXIT_CODES)(uninstall)
    commands.command(epilog=EXIT_CODES)(unfence)


def install(url: Url = None, tables: Tables = None, lock_timeout: LockTimeout = 10, as_json: AsJson = False) -> None:
    """Make the bookkeeping, and put triggers on the primary's tables; may be run again at any time.

    The store that follows gets the bookkeeping alone, unless a cohort or a route makes it a primary as well.

    Example: datalayer outbox install --url postgresql://user@localhost/salon
    """
    tell_installed(asyncio.run(_install(url, names(tables), lock_timeout)), as_json)


def uninstall(url: Url = None, lock_timeout: LockTimeout = 10, yes: Yes = False, as_json: AsJson = False) -> None:
    """Take triggers and bookkeeping away; refused without --yes while entries are owed.

    Example: datalayer outbox uninstall --url sqlite:///salon.sqlite3
    """

    async def run() -> dict[str, bool]:
        from datalayer.outbox.capture import postgres, sqlite
        from datalayer.outbox.capture.installed import status_of
        from datalayer.stores.postgres import PostgresStore

        gone = {}
        async with _chosen(url, "uninstall") as stores:
            for store, _ in stores:
                found, covered = await status_of(store), await _covered(store)
                refuse_to_drop(found, store.name, yes=yes, covered=covered, parted=await _is_parted(store))
            for store, _ in stores:
                if isinstance(store, PostgresStore):
                    gone[store.name] = await postgres.uninstall(store, lock_timeout=lock_timeout)
                else:
                    gone[store.name] = await sqlite.uninstall(store)
        return {str(name): done for name, done in gone.items()}

    tell_uninstalled(asyncio.run(run()), as_json)


def unfence(
    yes: Annotated[
        bool, typer.Option("--yes", help="Do it: no application has the other store as its primary.")
    ] = False,
) -> None:
    """Go back to a primary that a reload has moved away from: let it be written, and hold writes to the other store.

    Stop the applications first. The stores are those of the environment. Refused while the other store owes something.

    Example: datalayer outbox unfence --yes
    """
    from datalayer.layer.fencing import open_primaries
    from datalayer.settings import Settings

    if not yes:
        raise InvalidValueError(
            "is missing: an application that has the other store as primary fails to write", field="--yes"
        )
    done = asyncio.run(open_primaries(Settings()))
    output.results().print("the primary can be written" if done else "no fence stands")


async def _is_parted(store: Store) -> bool:
    """Whether companies of a cohort are in the other store, which stands here alone."""
    from datalayer.layer.process_registry import ProcessRegistry
    from datalayer.stores.postgres import PostgresStore

    return isinstance(store, PostgresStore) and await ProcessRegistry(store).cohort_stands()


async def _covered(store: Store) -> int:
    """Count what covered writes to another store still owe here."""
    from datalayer.outbox.tables import MARKS, OPERATIONS
    from datalayer.query import Count

    tables = (await store.catalog()).tables
    return sum([await store.count(Count(name)) for name in (MARKS, OPERATIONS) if name in tables])


async def _install(url: str | None, tables: list[str] | None, lock_timeout: float) -> dict[str, Installed]:
    from datalayer.outbox.capture import postgres, sqlite
    from datalayer.stores.postgres import PostgresStore

    told: dict[str, Installed] = {}
    async with _chosen(url, "install") as stores:
        if tables is not None and not any(armed for _, armed in stores):
            raise InvalidValueError(
                "names tables that get triggers, and Supabase's get them by `datalayer supabase install`",
                field="--tables",
            )
        for store, armed in stores:
            wanted = tables if armed else []
            if isinstance(store, PostgresStore):
                async with _other_than_supabase(store, named=url is not None):
                    told[store.name] = await postgres.install(store, wanted, lock_timeout=lock_timeout)
            else:
                told[store.name] = await sqlite.install(store, wanted)
    return told


@asynccontextmanager
async def _other_than_supabase(store: PostgresStore, *, named: bool) -> AsyncIterator[None]:
    """See that what the settings call PostgreSQL is not Supabase's own database; take an install there back.

    Args:
        named: the address was typed; nobody mistakes it.

    Raises:
        ConfigurationError: both are one database.
    """
    from datalayer.flags import StoreKind, resolve_mode
    from datalayer.layer.opening import open_store_for
    from datalayer.outbox.capture import postgres
    from datalayer.outbox.checks import check_distinct
    from datalayer.outbox.tables import CONTROL
    from datalayer.settings import Settings

    settings = None if named else Settings()
    if settings is None or StoreKind.SUPABASE not in ((mode := resolve_mode(settings)).primary, mode.secondary):
        yield
        return
    try:
        supabase = await open_store_for(StoreKind.SUPABASE, settings=settings, observers=())
    except (UnavailableError, StoreTimeoutError):
        output.note("note: Supabase is away, so whether both stores are one database is left to the start")
        yield
        return
    try:
        await check_distinct(supabase, store)
        was_there = CONTROL in (await store.catalog()).tables
        yield
        await store.catalog(refresh=True)
        # Where it has none of its own, PostgREST shows this one as soon as it has read the schema again.
        for _ in range(_LOOKS):
            if CONTROL in (await supabase.catalog(refresh=True)).tables:
                break
            await asyncio.sleep(_LOOK_SECONDS)
        try:
            await check_distinct(supabase, store)
        except ConfigurationError:
            if not was_there:
                await postgres.uninstall(store)
            raise
    finally:
        await supabase.close()


@asynccontextmanager
async def _chosen(url: str | None, command: str) -> AsyncIterator[list[tuple[PostgresStore | SqliteStore, bool]]]:
    """Open the stores to install in, each with whether its tables get triggers; Supabase has commands of its own."""
    opened = [(await _open(url), True)] if url is not None else await _by_settings(command)
    from datalayer.stores.postgres import PostgresStore
    from datalayer.stores.sqlite import SqliteStore

    try:
        usable = [(store, armed) for store, armed in opened if isinstance(store, PostgresStore | SqliteStore)]
        if len(usable) < len(opened):
            raise UnsupportedOperationError("supabase", "an install over HTTP", "use datalayer supabase install")
        yield usable
    finally:
        for store, _ in opened:
            await store.close()


async def _open(url: str) -> Store:
    from datalayer.stores.opening import open_store

    with opening():
        return await open_store(url, create=False)


async def _by_settings(command: str) -> list[tuple[Store, bool]]:
    from datalayer.flags import StoreKind, resolve_mode
    from datalayer.layer.opening import open_store_for
    from datalayer.layer.pairs import both_have_primaries
    from datalayer.settings import Settings

    settings = Settings()
    mode = resolve_mode(settings)
    both = await both_have_primaries(settings, mode)
    wanted = {mode.primary: True} | ({} if mode.secondary is None else {mode.secondary: both})
    if wanted.pop(StoreKind.SUPABASE, None) is not None:
        output.note(f"note: for Supabase's own part run datalayer supabase {command}")
    if not wanted:
        raise ConfigurationError(
            "nothing follows Supabase: set ENABLE_DUAL_WRITE=true and DATABASE_URL, or give --url",
            variables=("ENABLE_DUAL_WRITE", "DATABASE_URL"),
        )
    return [(await open_store_for(kind, settings=settings, observers=()), armed) for kind, armed in wanted.items()]
