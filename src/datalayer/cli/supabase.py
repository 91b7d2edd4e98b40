"""``datalayer supabase install|status|uninstall``."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from datalayer.cli import output
from datalayer.cli.errors import EXIT_CODES, ExitCode, opening
from datalayer.cli.installing import (
    LockTimeout,
    Tables,
    Yes,
    as_object,
    print_status,
    refuse_to_drop,
    tell_installed,
    tell_uninstalled,
)
from datalayer.cli.transfer import AsJson, names
from datalayer.errors import ConfigurationError

if TYPE_CHECKING:
    from datalayer.outbox.capture.status import CaptureStatus, Installed
    from datalayer.stores.postgres import PostgresStore

Dsn: TypeAlias = Annotated[
    str | None,
    typer.Option(
        help="The project's own postgresql:// address, which Supabase shows under Connect; not the pooler's port 6543.",
        envvar="SUPABASE_DB_URL",
        show_default=False,
        show_envvar=True,
    ),
]
Printed: TypeAlias = Annotated[
    bool, typer.Option("--print", help="Print the script for Supabase's SQL editor, and connect nowhere.")
]

commands = typer.Typer(
    help="""Capture changes inside of a Supabase project, and let it apply another store's rows.

    Example: datalayer supabase install --dsn postgresql://postgres:PASSWORD@db.PROJECT.supabase.co:5432/postgres
    """,
    epilog=EXIT_CODES,
)


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.add_typer(commands, name="supabase")


@commands.command(epilog=EXIT_CODES)
def install(
    dsn: Dsn = None,
    tables: Tables = None,
    printed: Printed = False,
    lock_timeout: LockTimeout = 10,
    as_json: AsJson = False,
) -> None:
    """Put triggers on the tables, and the apply function beside them; may be run again at any time.

    Example: datalayer supabase install --tables clients,bookings --print > install.sql
    """
    from datalayer.outbox.capture import supabase as capture

    if printed:
        sys.stdout.write(capture.script(names(tables)))
        return

    async def run() -> Installed:
        async with _direct(dsn) as store:
            return await capture.install(store, names(tables), lock_timeout=lock_timeout)

    tell_installed({"supabase": asyncio.run(run())}, as_json)


@commands.command(epilog=EXIT_CODES)
def status(dsn: Dsn = None, as_json: AsJson = False) -> None:
    """Show what is installed, over --dsn, else over HTTP with SUPABASE_URL and SUPABASE_SERVICE_ROLE_KEY.

    The exit code is 1 where nothing is installed, or where installing again would change something.

    Example: datalayer supabase status --json
    """
    from datalayer.outbox.capture.supabase import missing_functions

    found = asyncio.run(_status(dsn))
    lacking = missing_functions(found) if found.installed else []
    if as_json:
        output.print_json({**as_object(found), "missing_functions": lacking})
    else:
        print_status(found)
    if lacking:
        output.note(f"note: functions are missing ({', '.join(lacking)}): run datalayer supabase install")
    unarmed = bool(found.missing) and not found.armed
    if unarmed and found.installed:
        output.note("note: no table is armed: run datalayer supabase install")
    if not (found.installed and found.is_current) or lacking or unarmed:
        raise typer.Exit(ExitCode.DIFFERENCE)


@commands.command(epilog=EXIT_CODES)
def uninstall(
    dsn: Dsn = None,
    printed: Printed = False,
    lock_timeout: LockTimeout = 10,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Take triggers, functions and bookkeeping away; refused without --yes while entries are owed.

    Example: datalayer supabase uninstall --print
    """
    from datalayer.outbox.capture import postgres
    from datalayer.outbox.capture import supabase as capture
    from datalayer.outbox.capture.installed import status_of

    if printed:
        sys.stdout.write(capture.uninstall_script())
        return

    async def run() -> bool:
        async with _direct(dsn) as store:
            refuse_to_drop(await status_of(store), "supabase", yes=yes)
            return await postgres.uninstall(store, lock_timeout=lock_timeout)

    tell_uninstalled({"supabase": asyncio.run(run())}, as_json)


async def _status(dsn: str | None) -> CaptureStatus:
    from datalayer.outbox.capture.installed import status_of

    if dsn is not None:
        async with _direct(dsn) as store:
            return await status_of(store)
    from datalayer.flags import StoreKind
    from datalayer.layer.opening import open_store_for
    from datalayer.settings import Settings

    settings = Settings()
    if not settings.has_supabase_url:
        raise ConfigurationError(
            "no project is named: set SUPABASE_URL and SUPABASE_SERVICE_ROLE_KEY, or give --dsn",
            variables=("SUPABASE_URL",),
        )
    opened = await open_store_for(StoreKind.SUPABASE, settings=settings, observers=())
    try:
        return await status_of(opened)
    finally:
        await opened.close()


@asynccontextmanager
async def _direct(dsn: str | None) -> AsyncIterator[PostgresStore]:
    """Open the project's own address."""
    from datalayer.stores.postgres import PostgresStore

    if dsn is None:
        raise typer.BadParameter("give --dsn, or --print for the SQL editor", param_hint="--dsn")
    with opening():
        store = await PostgresStore.open(dsn, max_size=2, prepare=False)
    try:
        yield store
    finally:
        await store.close()
