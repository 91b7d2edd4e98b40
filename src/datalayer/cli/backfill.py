"""``datalayer backfill``."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from datalayer.cli import output
from datalayer.cli.errors import EXIT_CODES
from datalayer.cli.row_progress import row_progress
from datalayer.cli.transfer import AsJson, Tables, names
from datalayer.errors import InvalidValueError
from datalayer.wording import agreed, counted

if TYPE_CHECKING:
    from datalayer.outbox.backfill import Filled


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("backfill", epilog=EXIT_CODES)(backfill)


def backfill(
    tables: Tables = None,
    resync: Annotated[
        bool, typer.Option("--resync", help="Leave it to the relay to compare whole tables and to heal what differs.")
    ] = False,
    first: Annotated[
        str | None, typer.Option("--from", help="With --resync: the first key of a range.", show_default=False)
    ] = None,
    last: Annotated[
        str | None, typer.Option("--to", help="With --resync: the last key of a range.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Bring the rows to the following store that were there before dual-write, while both stores are being written.

    It may be run again at any time: rows that are equal are left alone, and a run that was cut off is gone on with.
    The stores are those of the environment, and each row comes from the one that leads it: tables with a route, and
    companies of a cohort, go the other way. Rows that only the following store has are found by --resync alone; for
    whole tables it also drops the entries that writes to the following store have left there, or in PostgreSQL.

    Example: ENABLE_DUAL_WRITE=true datalayer backfill --tables clients,bookings
    """
    if not resync and (first is not None or last is not None):
        raise InvalidValueError("goes with --resync", field="--to" if first is None else "--from")
    if resync:
        marked = asyncio.run(_resync(names(tables), first, last))
        if as_json:
            output.print_json({"marked": marked})
        else:
            output.results().print(f"{counted(len(marked), 'table')} left to the relay: {', '.join(marked)}")
        return
    done = asyncio.run(_backfill(names(tables)))
    if as_json:
        output.print_json({"tables": done})
        return
    rows = [(f.table, f.source, f"{f.rows:,}", f"{f.applied:,}", f"{f.marked:,}") for f in done]
    output.print_table(("table", "from", "rows compared", "brought over", "left to the relay"), rows)


async def _backfill(tables: list[str] | None) -> list[Filled]:
    from datalayer.layer.backfilling import backfill_pair
    from datalayer.settings import Settings
    from datalayer.transfer.reports import Progress

    with row_progress("filling") as heard:

        def told(filled: Filled) -> None:
            heard(Progress(filled.table, filled.rows, filled.total))

        return await backfill_pair(Settings(), tables=tables, on_progress=told)


async def _resync(tables: list[str] | None, first: str | None, last: str | None) -> list[str]:
    from datalayer.layer.backfilling import resync_pair
    from datalayer.settings import Settings

    done = await resync_pair(Settings(), tables=tables, first=first, last=last)
    if done.away is not None:
        output.note(
            f"note: {done.away.value} is away; what was written there while it followed is dropped when this is run"
            " again"
        )
    if done.unanswered:
        output.note(
            f"note: {counted(done.unanswered, 'write')} to Supabase may still take effect, and"
            f" {agreed(done.unanswered, 'is', 'are')} owed until then: run this again after"
            " DATALAYER_REQUEST_LIFETIME_SECONDS"
        )
    return done.marked
