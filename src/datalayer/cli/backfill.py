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
from datalayer.wording import counted

if TYPE_CHECKING:
    from datalayer.outbox.backfill import Filled
    from datalayer.outbox.queue import Outbox
    from datalayer.stores.contract import Store


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
    The stores are those of the environment. Rows that only the following store has are found by --resync alone; for
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
    rows = [(f.table, f"{f.rows:,}", f"{f.applied:,}", f"{f.marked:,}") for f in done]
    output.print_table(("table", "rows compared", "brought over", "left to the relay"), rows)


async def _backfill(tables: list[str] | None) -> list[Filled]:
    from datalayer.layer.pairs import open_links
    from datalayer.outbox.backfill import backfill as fill
    from datalayer.settings import Settings
    from datalayer.transfer.reports import Progress

    async with open_links(Settings()) as links:
        link = links[0]
        with row_progress("filling") as heard:
            return await fill(
                link.reconciler,
                link.outbox,
                tables=tables,
                on_progress=lambda filled: heard(Progress(filled.table, filled.rows, filled.total)),
            )


async def _resync(tables: list[str] | None, first: str | None, last: str | None) -> list[str]:
    from datalayer.layer.pairs import open_outboxes
    from datalayer.layer.resyncing import Outdone, let_primary_win, open_strays
    from datalayer.outbox.tables import followed
    from datalayer.settings import Settings

    settings = Settings()
    async with open_outboxes(settings) as outboxes, open_strays(settings) as strays:
        outbox = outboxes[0]
        chosen = [table.name for table in followed(await outbox.store.catalog(), tables)]
        has_range = first is not None or last is not None
        if has_range and len(chosen) != 1:
            raise InvalidValueError("needs one table: name it with --tables", field="--from")
        if tables is None:
            await let_primary_win(settings, [one.store for one in (*outboxes, *strays)])
        outdone = await Outdone.find([] if has_range else strays, tables)
        for name in chosen:
            await _mark(outbox, outbox.store, name, first, last)
        await outdone.drop()
        if tables is None and (left := await outdone.empty_spool(settings)):
            output.note(
                f"note: {counted(left, 'write')} to Supabase may still take effect, and"
                f" {'is' if left == 1 else 'are'} owed until then: run this again after"
                " DATALAYER_REQUEST_LIFETIME_SECONDS"
            )
        return chosen


async def _mark(outbox: Outbox, store: Store, name: str, first: str | None, last: str | None) -> None:
    from datalayer.outbox.keys import decode_key
    from datalayer.outbox.sweep import ROWS, bounds

    table = (await store.catalog()).table(name, store=store.name, operation="resync")

    def key(text: str | None, option: str) -> tuple[object, ...] | None:
        try:
            return None if text is None else decode_key(table, _as_array(text))
        except ValueError:
            raise InvalidValueError(f"is no key of {name}", field=option) from None

    if len(table.primary_key) != 1 and (first is not None or last is not None):
        raise InvalidValueError(f"{name} has a key of several columns; resync all of it", field="--from")
    start, end = key(first, "--from"), key(last, "--to")
    if start and end and isinstance(start[0], int) and isinstance(end[0], int) and start > end:
        raise InvalidValueError("is behind --to: no key lies between", field="--from")
    await outbox.mark_table(name, {"phase": ROWS, **bounds(table, start, end)})


def _as_array(text: str) -> str:
    """Read a key as it is typed: a number as itself, all else as text."""
    import json

    return f"[{text}]" if text.lstrip("-").isdigit() else json.dumps([text], ensure_ascii=False)
