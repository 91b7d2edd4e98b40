"""What the commands that move rows have in common: names of tables, sources that must be there, bars."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from datalayer.cli import output
from datalayer.errors import ConfigurationError

if TYPE_CHECKING:
    from datalayer.stores.contract import Store
    from datalayer.transfer.reports import OnProgress, Progress


@asynccontextmanager
async def opened(url: str, *, must_exist: bool = False) -> AsyncIterator[Store]:
    """Open a store for a block.

    Args:
        must_exist: refuse a SQLite file that is not there: opening would make it, and an empty one looks finished.
    """
    from datalayer.stores.opening import open_store

    if must_exist:
        _refuse_missing_file(url)
    store = await open_store(url)
    try:
        yield store
    finally:
        await store.close()


def _refuse_missing_file(url: str) -> None:
    path = url.removeprefix("sqlite:///")
    if path != url and not Path(path).exists():
        raise ConfigurationError(f"the source file {path} does not exist; sqlite:////path is absolute")


def place(url: str) -> str:
    """Return where a store is, without user, password and parameters."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}"


def table_names(text: str | None) -> list[str] | None:
    """Split the value of ``--tables``."""
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]


@contextmanager
def bars(verb: str) -> Iterator[OnProgress | None]:
    """Show a bar per table on stderr where somebody looks."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich import progress

    with progress.Progress(
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TimeRemainingColumn(),
        console=output.progress(),
        transient=True,
    ) as shown:
        lines: dict[str, progress.TaskID] = {}

        def advance(told: Progress) -> None:
            if told.table not in lines:
                lines[told.table] = shown.add_task(f"{verb} {told.table}", total=told.total)
            shown.update(lines[told.table], completed=told.rows, total=told.total)

        yield advance
