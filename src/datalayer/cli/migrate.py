"""``datalayer migrate up|status|plan``."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from datalayer.cli import output
from datalayer.cli.errors import EXIT_CODES, opening
from datalayer.cli.transfer import AsJson, untouched
from datalayer.errors import UnsupportedOperationError
from datalayer.wording import counted

if TYPE_CHECKING:
    from datalayer.migrations import AppliedMigration, MigrationFile, MigrationStatus
    from datalayer.stores.contract import Store

#: Said by who only looks, and takes a database that is not there for an empty one.
_NOT_THERE = "note: {} does not exist; datalayer migrate up makes it"

Url: TypeAlias = Annotated[
    str | None,
    typer.Option(
        help="postgresql://USER@HOST/DATABASE or sqlite:///FILE. Without it: DATABASE_URL or POSTGRES_* from the"
        " environment, else the SQLite file DATALAYER_SQLITE_PATH or ./datalayer.sqlite3.",
        show_default=False,
    ),
]
Directory: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--dir",
        help="Your own files, 0001_first_table.sql and so on; without it the package's.",
        exists=True,
        file_okay=False,
        show_default=False,
    ),
]
LockTimeout: TypeAlias = Annotated[
    float, typer.Option(min=0, help="Seconds a file may wait for a table that is in use (PostgreSQL).")
]

commands = typer.Typer(
    help="""Create and change tables from numbered SQL files.

    Example: datalayer migrate status
    """,
    epilog=EXIT_CODES,
)


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.add_typer(commands, name="migrate")


@commands.command(epilog=EXIT_CODES)
def up(url: Url = None, directory: Directory = None, lock_timeout: LockTimeout = 10, as_json: AsJson = False) -> None:
    """Apply the files that are pending, each in a transaction of its own.

    Example: datalayer migrate up --url postgresql://user@localhost/salon
    """
    applied, missing = asyncio.run(_up(url, directory, lock_timeout))
    if as_json:
        output.print_json({"applied": applied, "missing": missing})
        return
    for file in applied:
        for notice in file.notices:
            output.note(f"note: {file.version}_{file.name}: {notice}")
    _note_missing(missing)
    lines = [f"applied {file.version}_{file.name} in {file.duration_seconds:.3f} s" for file in applied]
    output.results().print("\n".join(lines) or "nothing to do, every file is applied")


@commands.command(epilog=EXIT_CODES)
def status(url: Url = None, directory: Directory = None, as_json: AsJson = False) -> None:
    """Show every version: applied, pending, edited after it was applied, or missing on disk.

    Example: datalayer migrate status --json
    """
    found = asyncio.run(_status(url, directory))
    if as_json:
        output.print_json({"migrations": found})
        return
    rows = [(line.version, line.name, line.state, _moment(line)) for line in found]
    output.print_table(("version", "name", "state", "applied at, UTC"), rows)
    _note_missing([line for line in found if line.state == "missing"])


@commands.command(epilog=EXIT_CODES)
def plan(url: Url = None, directory: Directory = None, as_json: AsJson = False) -> None:
    """Show what ``up`` would apply, and change nothing.

    Example: datalayer migrate plan --dir ./migrations
    """
    files = asyncio.run(_plan(url, directory))
    if as_json:
        summary = [{"version": file.version, "name": file.name, "statements": len(file.statements)} for file in files]
        output.print_json({"pending": summary})
        return
    lines = [
        f"would apply {file.file_name}: {counted(len(file.statements), 'statement')}"
        + ("" if file.transactional else ", outside of a transaction")
        for file in files
    ]
    output.results().print("\n".join(lines) or "nothing to do, every file is applied")


async def _up(
    url: str | None, directory: Path | None, lock_timeout: float
) -> tuple[list[AppliedMigration], list[MigrationStatus]]:
    from datalayer import migrations
    from datalayer.migrations.files import read_series

    if directory is not None:
        # Before a SQLite file is made: what cannot be applied leaves nothing behind.
        read_series("sqlite", directory)
    async with _opened(url, create=True) as store:
        applied = await migrations.apply(store, directory, lock_timeout=lock_timeout)
        lines = await migrations.status(store, directory)
        return applied, [line for line in lines if line.state == "missing"]


async def _status(url: str | None, directory: Path | None) -> list[MigrationStatus]:
    from datalayer import migrations

    async with _opened(url, create=False) as store:
        return await migrations.status(store, directory)


async def _plan(url: str | None, directory: Path | None) -> list[MigrationFile]:
    from datalayer import migrations

    async with _opened(url, create=False) as store:
        return await migrations.plan(store, directory)


@asynccontextmanager
async def _opened(url: str | None, *, create: bool) -> AsyncIterator[Store]:
    store = await (_open_default(create=create) if url is None else _open_url(url, create=create))
    try:
        yield store
    finally:
        await store.close()


async def _open_url(url: str, *, create: bool) -> Store:
    from datalayer.stores.opening import open_store

    if url.startswith(("supabase:", "supabase+http:")):
        raise _no_migrations_over_rest()
    with opening(writes=create):
        chosen = url if create else untouched(url)
        if chosen != url:
            output.note(_NOT_THERE.format(url))
        return await open_store(chosen)


async def _open_default(*, create: bool) -> Store:
    """Open what the environment names, else the embedded SQLite file; say which where it could surprise."""
    from datalayer.flags import resolve_mode
    from datalayer.settings import Settings

    settings = Settings()
    dsn = settings.postgres_dsn()
    if dsn is not None:
        from datalayer.stores.postgres import PostgresStore

        return await PostgresStore.open(dsn.get_secret_value(), timeout=settings.datalayer_timeout_seconds)
    if settings.has_supabase_url:
        raise _no_migrations_over_rest()
    resolve_mode(settings)
    from datalayer.stores.sqlite import SqliteStore

    file = settings.datalayer_sqlite_path
    output.note(f"no DATABASE_URL or POSTGRES_HOST is set: using the SQLite file {file}")
    if create or file.exists():
        return await SqliteStore.open(file, timeout=settings.datalayer_timeout_seconds)
    output.note(_NOT_THERE.format(file))
    return await SqliteStore.open(":memory:")


def _no_migrations_over_rest() -> UnsupportedOperationError:
    return UnsupportedOperationError(
        "supabase",
        "migrations",
        "give the database's own postgresql:// address, which Supabase shows under Connect, in --url or DATABASE_URL",
    )


def _note_missing(lines: list[MigrationStatus]) -> None:
    for line in lines:
        output.note(
            f"note: version {line.version} ({line.name}) is applied, and its file is not here; is this checkout older"
            " than the database?"
        )


def _moment(line: MigrationStatus) -> str:
    return "" if line.applied_at is None else line.applied_at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
