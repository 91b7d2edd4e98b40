"""``datalayer outbox status|list|retry|discard``."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias

import typer

from datalayer.cli import output
from datalayer.cli.errors import EXIT_CODES, ExitCode
from datalayer.cli.transfer import AsJson
from datalayer.errors import DataLayerError, InvalidValueError
from datalayer.flags import StoreKind, resolve_mode
from datalayer.wording import counted

if TYPE_CHECKING:
    from datalayer.outbox.entries import Entry
    from datalayer.outbox.queue import Outbox
    from datalayer.outbox.waiting import Selection, Waiting
    from datalayer.settings import Settings
    from datalayer.stores.contract import Store, StoreName

Table: TypeAlias = Annotated[str | None, typer.Option(help="Only entries about this table.", show_default=False)]
Versions: TypeAlias = Annotated[
    list[int] | None,
    typer.Option(
        "--version", min=1, max=2**63 - 1, help="Only this entry; may be given several times.", show_default=False
    ),
]

commands = typer.Typer(
    help="""What the primary owes to the store that follows. The stores are those of the environment.

    Example: datalayer outbox status --max-lag 60
    """,
    epilog=EXIT_CODES,
)

#: In a note: something may be owed that nobody could look at.
_UNASKED: Final = "could not be asked"


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.add_typer(commands, name="outbox")


@commands.command(epilog=EXIT_CODES)
def status(
    max_lag: Annotated[
        float | None, typer.Option(min=0, help="Seconds that the oldest entry may wait.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say how much is owed, of which tables, and for how long.

    The exit code is 1 where there are dead letters or held deletes, or where the lag is above --max-lag.

    Example: datalayer outbox status --max-lag 60
    """
    found, notes = asyncio.run(_status())
    for note in notes:
        output.note(f"note: {note}")
    wrong = any(w.dead or w.held or (max_lag is not None and w.lag_seconds > max_lag) for _, _, w in found)
    if as_json:
        tables = [{"store": store, "table": table, **_counts(w)} for store, table, w in found]
        output.print_json({"tables": tables, "ok": not wrong, "notes": notes})
    elif not found:
        output.results().print("nothing is owed" if not _is_unknown(notes) else "nothing is owed, as far as is known")
    else:
        rows = [
            (store, table, f"{w.live:,}", f"{w.dead:,}", f"{w.held:,}", f"{w.lag_seconds:,.1f} s")
            for store, table, w in found
        ]
        output.print_table(("primary", "table", "waiting", "dead letters", "held deletes", "lag"), rows)
    if wrong:
        raise typer.Exit(ExitCode.DIFFERENCE)


@commands.command("list", epilog=EXIT_CODES)
def list_(
    table: Table = None,
    dead: Annotated[bool, typer.Option("--dead", help="Only dead letters.")] = False,
    held: Annotated[bool, typer.Option("--held", help="Only deletes that are held.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 100,
    as_json: AsJson = False,
) -> None:
    """Show entries, the oldest first: which key of which table, how often it was tried, and what was wrong.

    Example: datalayer outbox list --dead
    """
    from datalayer.outbox.waiting import Selection

    if dead and held:
        raise InvalidValueError("goes without --dead: no entry is both", field="--held")
    found = asyncio.run(_entries(Selection(table, dead=dead, held_deletes=held), limit))
    if as_json:
        output.print_json({"entries": [_shown(store, entry) for store, entry in found]})
        return
    now = datetime.now(UTC)
    rows = [
        (
            str(entry.version),
            entry.table,
            "the whole table" if entry.key is None else ", ".join(map(str, entry.key)),
            entry.type,
            f"{(now - entry.created_at).total_seconds():,.0f} s",
            str(entry.tries),
            _state(entry),
            entry.error or "-",
        )
        for _, entry in found
    ]
    output.print_table(("version", "table", "key", "type", "age", "tries", "state", "error"), rows)


@commands.command(epilog=EXIT_CODES)
def retry(
    table: Table = None,
    version: Versions = None,
    deletes: Annotated[
        str | None, typer.Option(metavar="TABLE", help="Let the held deletes of a table through.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make dead letters due again, all of them or some; or let deletes through that were held since they were many.

    Example: datalayer outbox retry --deletes messages
    """
    from datalayer.outbox.waiting import Selection

    if deletes is not None and (table is not None or version):
        raise InvalidValueError("goes alone", field="--deletes")
    if deletes is not None:
        selection = Selection(deletes, held_deletes=True)
    else:
        selection = Selection(table, tuple(version) if version else None, dead=not version)
    count = asyncio.run(_change(selection, discard=False))
    _expect(count, named=bool(version or table or deletes))
    _say(count, "retried", as_json=as_json)


@commands.command(epilog=EXIT_CODES)
def discard(
    table: Table = None,
    version: Versions = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do it: the stores stay different there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Drop dead letters, or single entries by --version. What they stand for stays different until it is repaired.

    Example: datalayer outbox discard --version 1234 --yes
    """
    from datalayer.outbox.waiting import Selection

    if not yes:
        raise InvalidValueError("is missing: the stores stay different where an entry is dropped", field="--yes")
    selection = Selection(table, tuple(version) if version else None, dead=not version)
    count = asyncio.run(_change(selection, discard=True))
    _expect(count, named=bool(version or table))
    _say(count, "discarded", as_json=as_json)


async def _status() -> tuple[list[tuple[str, str, Waiting]], list[str]]:
    """Return what waits, by primary and table, and what else is to be said."""
    from datalayer.layer.pairs import open_outboxes, primary_of
    from datalayer.outbox.waiting import tables_waiting, waiting
    from datalayer.settings import Settings

    settings = Settings()
    async with open_outboxes(settings) as outboxes:
        notes = await _of_the_other_store(settings, [outbox.store for outbox in outboxes])
        found = [
            (primary_of(outbox), table, await waiting(outbox.store, outbox.table, outbox.clock, table=table))
            for outbox in outboxes
            for table in await tables_waiting(outbox.store, outbox.table)
        ]
        covered = [open_ for outbox in outboxes for open_ in await _open_operations(outbox)]
    return [*found, *covered, *await _spooled(settings)], notes


async def _of_the_other_store(settings: Settings, stores: list[Store]) -> list[str]:
    """Say so where another store is the primary on record, or owes something: these settings may be the wrong ones."""
    from datalayer.layer.leads import in_words
    from datalayer.layer.process_registry import ProcessRegistry
    from datalayer.layer.resyncing import open_strays
    from datalayer.outbox.tables import OUTBOX
    from datalayer.query import Count
    from datalayer.stores.postgres import PostgresStore

    mode, notes = resolve_mode(settings), list[str]()
    try:
        async with open_strays(settings) as strays:
            for store in [stray.store for stray in strays if stray.table == OUTBOX]:
                stores.append(store)
                owed = await store.count(Count(OUTBOX)) if OUTBOX in (await store.catalog()).tables else 0
                if owed:
                    notes.append(
                        f"{store.name}, which follows by these settings, owes {counted(owed, 'change')}"
                        f" that only settings with {store.name} as primary show and carry"
                    )
            postgres = next((one for one in stores if isinstance(one, PostgresStore)), None)
            if postgres is None and StoreKind.POSTGRES in (mode.primary, mode.secondary):
                notes.append(f"postgres {_UNASKED}")
            record = None if postgres is None else await ProcessRegistry(postgres).recorded()
            if record is not None and mode.primary not in record.leads.values():
                notes.append(
                    f"these settings take {mode.primary.value} for the primary, and applications began last with"
                    f" {in_words(record.leads)}"
                )
    except DataLayerError as error:
        notes.append(f"the other store {_UNASKED}: {error}")
    return notes


def _is_unknown(notes: Sequence[str]) -> bool:
    return any(_UNASKED in note for note in notes)


async def _open_operations(outbox: Outbox) -> list[tuple[str, str, Waiting]]:
    """Count writes to a Supabase without the script whose answers have not come: they are owed like entries."""
    from datalayer.outbox.tables import MARKS, OPERATIONS
    from datalayer.outbox.waiting import Waiting
    from datalayer.query import Count, Select, asc

    count = await outbox.store.count(Count(OPERATIONS)) if outbox.table == MARKS else 0
    if not count:
        return []
    question = Select(OPERATIONS, order=(asc("created_at"),), limit=1, columns=("created_at",))
    oldest = await outbox.store.select(question)
    lag = (outbox.clock() - oldest[0]["created_at"]).total_seconds() if oldest else 0.0
    return [("supabase", "writes without an answer", Waiting(count, 0, 0, max(lag, 0.0)))]


async def _spooled(settings: Settings) -> list[tuple[str, str, Waiting]]:
    """Count the writes that wait on this machine's disk."""
    from datalayer.outbox.spool import own_spool
    from datalayer.outbox.waiting import Waiting

    mode = resolve_mode(settings)
    if StoreKind.SUPABASE not in (mode.primary, mode.secondary) or settings.supabase_url is None:
        return []
    async with own_spool(settings.datalayer_spool_path, settings.supabase_url) as spool:
        if spool is None:
            return []
        count, lag = await spool.count(), await spool.oldest_seconds()
    return [("supabase", "writes on this machine's spool", Waiting(count, 0, 0, lag))] if count else []


async def _entries(selection: Selection, limit: int) -> list[tuple[StoreName, Entry]]:
    from datalayer.layer.pairs import open_outboxes, primary_of
    from datalayer.settings import Settings

    async with open_outboxes(Settings()) as outboxes:
        found = [(primary_of(o), entry) for o in outboxes for entry in await o.entries(selection, limit=limit)]
    return found[:limit]


async def _change(selection: Selection, *, discard: bool) -> int:
    from datalayer.layer.pairs import open_outboxes
    from datalayer.settings import Settings

    async with open_outboxes(Settings()) as outboxes:
        return sum([await (o.discard(selection) if discard else o.retry(selection)) for o in outboxes])


def _expect(count: int, *, named: bool) -> None:
    """Raise where what was named is not there: a typing mistake must not look like work done."""
    if named and not count:
        raise InvalidValueError("no entry is like that; `datalayer outbox list` shows each with its state")


def _say(count: int, done: str, *, as_json: bool) -> None:
    if as_json:
        output.print_json({done: count})
    else:
        output.results().print(f"{done} {count:,} {'entry' if count == 1 else 'entries'}")


def _counts(waiting: Waiting) -> dict[str, Any]:
    return {
        "waiting": waiting.live,
        "dead": waiting.dead,
        "held": waiting.held,
        "lag_seconds": round(waiting.lag_seconds, 3),
    }


def _shown(store: str, entry: Entry) -> dict[str, Any]:
    return {
        "store": store,
        "version": entry.version,
        "table": entry.table,
        "key": None if entry.key is None else list(entry.key),
        "type": entry.type,
        "created_at": entry.created_at.isoformat(),
        "tries": entry.tries,
        "error": entry.error,
        "dead": entry.dead_at is not None,
        "state": _state(entry),
    }


def _state(entry: Entry) -> str:
    from datalayer.outbox.waiting import DELETES_HELD, SET_ASIDE

    if entry.dead_at is not None:
        return "dead"
    return {DELETES_HELD: "held", SET_ASIDE: "set aside"}.get(entry.error or "", "waiting")
