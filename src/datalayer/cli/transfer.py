"""What the commands that move data share: the options for two stores, opening both."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from functools import partial
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, TypeAlias

import typer

from datalayer.cli import output
from datalayer.cli.errors import naming_side, opening
from datalayer.cli.resuming import need
from datalayer.errors import ConfigurationError, SelectionError, StoreError

if TYPE_CHECKING:
    from datalayer.stores.contract import Store

STORES: Final = "postgresql://USER@HOST/DATABASE, sqlite:///FILE, supabase://HOST or supabase+http://HOST:PORT"

_SAME = "--source and --target are the same store; name another one"
#: Where a connection is. The moment a server was started is its own; the identifier of its files is also that of a
#: standby and of a restored backup, which one may well compare with it.
_PLACE = (
    "select pg_postmaster_start_time()::text as started, current_schemas(false)::text as schemas,"
    " (select oid::text from pg_database where datname = current_database()) as database"
)

Source: TypeAlias = Annotated[
    str,
    typer.Option(help=f"Where the rows are: {STORES}, files:///DIR; Supabase's key from SUPABASE_SERVICE_ROLE_KEY."),
]
Target: TypeAlias = Annotated[str, typer.Option(help="Where they go, or should be by now: a URL like --source.")]
Tables: TypeAlias = Annotated[
    str | None, typer.Option(help="Names, separated by commas; all tables without it.", show_default=False)
]
AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def opened_source(url: str, *, writes: bool = True) -> AbstractAsyncContextManager[Store]:
    """Open a store that is there already, and close it; ``writes`` tells whether the command changes another one."""
    return _opened("source", url, create=False, writes=writes)


def opened_target(url: str, *, create: bool = True, writes: bool = True) -> AbstractAsyncContextManager[Store]:
    """Open a store, with ``create`` a SQLite file also where it is not there yet, and close it."""
    if writes and url.startswith("files:"):
        raise ConfigurationError(f"--target: files are a source only; name {STORES}")
    return _opened("target", url, create=create, writes=writes)


@asynccontextmanager
async def _opened(side: str, url: str, *, create: bool, writes: bool) -> AsyncIterator[Store]:
    from datalayer.stores.opening import open_store

    with opening(side, writes=writes):
        store = await open_store(url, create=create)
    try:
        yield store
    finally:
        await store.close()


@contextmanager
def telling_what_is_kept() -> Iterator[None]:
    """Say what an interrupted move notes of what it leaves behind, and keep what it needs to go on."""
    try:
        yield
    except asyncio.CancelledError as stopped:
        for note in getattr(stopped, "__notes__", ()):
            output.note(note)
        need(getattr(stopped, "goes_on_with", ()))
        raise


@asynccontextmanager
async def opened(
    source_url: str, target_url: str, *, create: bool = True, writes: bool = True
) -> AsyncIterator[tuple[Store, Store]]:
    """Open the source and the target, and close both.

    Args:
        create: whether a SQLite target is made where it is missing.
        writes: whether the target is written to, which files cannot be.
    """
    if _is_same(source_url, target_url, writes=writes):
        raise ConfigurationError(_SAME)
    target_opened = opened_target(target_url, create=create, writes=writes)
    async with opened_source(source_url, writes=writes) as source, target_opened as target:
        await _refuse_one_database(source, target, writes=writes)
        with naming_side(partial(_side_of, source=source, target=target)):
            yield source, target


def _side_of(error: StoreError, source: Store, target: Store) -> str | None:
    """Return whose connection an error is about; None for two of a kind that do not tell."""
    sides = {"source": source, "target": target}
    if source.name != target.name:
        told = [side for side, store in sides.items() if store.name == error.store]
    else:
        told = [
            side for side, store in sides.items() if error.origin and error.origin is getattr(store, "shared", None)
        ]
    return told[0] if told else None


async def _refuse_one_database(source: Store, target: Store, *, writes: bool) -> None:
    """Refuse two URLs of one PostgreSQL database and one schema, however they are spelt."""
    if (source.name, target.name) != ("postgres", "postgres"):
        return
    from datalayer.stores.postgres import PostgresStore

    if isinstance(source, PostgresStore) and isinstance(target, PostgresStore):
        with opening("source", writes=writes):
            mine = await source.fetch_one(_PLACE)
        with opening("target", writes=writes):
            theirs = await target.fetch_one(_PLACE)
        if mine == theirs:
            raise ConfigurationError(_SAME)


def _is_same(source_url: str, target_url: str, *, writes: bool) -> bool:
    """Whether two URLs name one store, as far as the URLs tell: a file has many spellings."""
    source, source_exists = _file("source", source_url, writes=writes)
    target, target_exists = _file("target", target_url, writes=writes)
    if source is None or target is None:
        return source_url == target_url
    return source.resolve() == target.resolve() or (source_exists and target_exists and source.samefile(target))


def _file(side: str, url: str, *, writes: bool) -> tuple[Path | None, bool]:
    """Return the SQLite file that a URL names, and whether it is there."""
    from datalayer.stores.denied import telling_what_is_denied
    from datalayer.stores.opening import sqlite_file

    with opening(side, writes=writes), telling_what_is_denied("connect"):
        file = sqlite_file(url)
        return file, file is not None and file.exists()


def refuse_memory(url: str) -> None:
    """Raise ConfigurationError for a target in memory."""
    from datalayer.stores.opening import is_in_memory

    if is_in_memory(url):
        raise ConfigurationError(
            "--target: a database in memory goes with the command and its rows; name sqlite:///FILE"
        )


def untouched(url: str) -> str:
    """Return the URL; where opening it would make a SQLite file, that of an empty database in memory."""
    file, exists = _file("target", url, writes=False)
    would_be_made = file is not None and not exists and os.access(file.parent, os.W_OK)
    return "sqlite://:memory:" if would_be_made else url


def there(directory: Path) -> Path:
    """Refuse what is no directory, and does not repeat it: it may be a URL. A lacking right is told later."""
    try:
        is_there = directory.is_dir()
    except PermissionError:
        return directory
    if not is_there:
        raise typer.BadParameter("there is no such directory")
    return directory


def finite(number: float | None) -> float | None:
    """Refuse infinity and what is no number: the range of an option lets them through."""
    if number is not None and not isfinite(number):
        raise typer.BadParameter("a number is needed, and one that ends")
    return number


def names(tables: str | None) -> list[str] | None:
    """Split the names given to --tables; None where it was left out.

    Raises:
        SelectionError: it was given and names nothing, as an unset variable of a shell does.
    """
    if tables is None:
        return None
    named = [name.strip() for name in tables.split(",") if name.strip()]
    if not named:
        raise SelectionError("--tables names no table; leave it out for all tables")
    return named
