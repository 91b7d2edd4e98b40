"""``datalayer sync``."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from datalayer.cli import output
from datalayer.cli.errors import EXIT_CODES
from datalayer.cli.row_progress import row_progress
from datalayer.cli.transfer import (
    AsJson,
    Source,
    Tables,
    Target,
    finite,
    names,
    opened,
    refuse_memory,
    telling_what_is_kept,
)
from datalayer.wording import counted

if TYPE_CHECKING:
    from datalayer.transfer import CatchUpReport


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("sync", epilog=EXIT_CODES)(sync)


def sync(
    source: Source,
    target: Target,
    column: Annotated[str, typer.Option(help="Grows when a row is written: a time, a date, or a key that counts up.")],
    tables: Tables = None,
    since: Annotated[
        str | None,
        typer.Option(help="Where to begin instead of the kept watermark: an ISO time or a number.", show_default=False),
    ] = None,
    overlap: Annotated[
        float | None,
        typer.Option(
            min=0,
            callback=finite,
            help="How far to look back: seconds (300), or numbers of a whole-number column (1000).",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Bring over the rows that were written since the last sync, by upserts; the target keeps how far it came.

    The first time, without --since, all rows with a value in the column are compared. Rows that were deleted in the
    source are not seen, and neither are rows with NULL in the column: verify before the cutover.

    Example: datalayer sync --source supabase://HOST --target postgresql://user@localhost/shop --column updated_at
    """
    report = asyncio.run(_sync(source, target, names(tables), column, since, overlap))
    if as_json:
        output.print_json(report.as_json())
        return
    output.notes(report.notes)
    rows = [(t.table, f"{t.rows:,}", t.since or "the beginning", t.watermark or "-") for t in report.tables]
    output.print_table(("table", "rows", "from", "watermark"), rows)
    tables, synced = counted(len(report.tables), "table"), counted(report.rows, "row")
    output.results().print(f"{tables}, {synced} synced in {report.seconds:.1f} s")


async def _sync(
    source_url: str,
    target_url: str,
    tables: list[str] | None,
    column: str,
    since: str | None,
    overlap: float | None,
) -> CatchUpReport:
    from datalayer import transfer

    refuse_memory(target_url)
    async with opened(source_url, target_url, create=False) as (source, target):
        with telling_what_is_kept(), row_progress("syncing") as on_progress:
            return await transfer.sync(
                source, target, column=column, tables=tables, since=since, overlap=overlap, on_progress=on_progress
            )
