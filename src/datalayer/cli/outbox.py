"""``datalayer outbox status|list|retry|discard``."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from datalayer.cli import output
from datalayer.cli.errors import EXIT_CODES, ExitCode
from datalayer.cli.transfer import AsJson
from datalayer.errors import InvalidValueError
from datalayer.flags import StoreKind

if TYPE_CHECKING:
    from datalayer.layer.owed import OwedOfTable
    from datalayer.outbox.entries import Entry
    from datalayer.outbox.queue import Outbox
    from datalayer.outbox.waiting import Selection
    from datalayer.stores.contract import StoreName

Table: TypeAlias = Annotated[str | None, typer.Option(help="Only entries about this table.", show_default=False)]
Versions: TypeAlias = Annotated[
    list[int] | None,
    typer.Option(
        "--version", min=1, max=2**63 - 1, help="Only this entry; may be given several times.", show_default=False
    ),
]

Primary: TypeAlias = Annotated[
    StoreKind | None,
    typer.Option(help="Only entries that this store owes.", show_default=False),
]

commands = typer.Typer(
    help="""What the primary owes to the store that follows. The stores are those of the environment.

    Example: datalayer outbox status --max-lag 60
    """,
    epilog=EXIT_CODES,
)


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

    The exit code is 1 where there are dead letters, held deletes, or entries that are set aside since the other store
    leads their table; or where the lag of all others is above --max-lag.

    Example: datalayer outbox status --max-lag 60
    """
    from datalayer.layer.owed import look_over
    from datalayer.settings import Settings

    found = asyncio.run(look_over(Settings()))
    output.notes(found.notes)
    wrong = any(_asks_for_somebody(owed, max_lag) for owed in found.tables)
    if as_json:
        tables = [{"store": owed.primary, "table": owed.table, **_counts(owed)} for owed in found.tables]
        output.print_json({"tables": tables, "ok": not wrong, "notes": found.notes, "unasked": found.unasked})
    elif not found.tables:
        output.results().print("nothing is owed, as far as is known" if found.unasked else "nothing is owed")
    else:
        headings = ("primary", "table", "waiting", "dead letters", "held deletes", "set aside", "lag")
        output.print_table(headings, [_cells(owed) for owed in found.tables])
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
            store,
            str(entry.version),
            entry.table,
            "the whole table" if entry.key is None else ", ".join(map(str, entry.key)),
            entry.type,
            f"{(now - entry.created_at).total_seconds():,.0f} s",
            str(entry.tries),
            _state(entry),
            entry.error or "-",
        )
        for store, entry in found
    ]
    output.print_table(("primary", "version", "table", "key", "type", "age", "tries", "state", "error"), rows)


@commands.command(epilog=EXIT_CODES)
def retry(
    table: Table = None,
    version: Versions = None,
    deletes: Annotated[
        str | None, typer.Option(metavar="TABLE", help="Let the held deletes of a table through.", show_default=False)
    ] = None,
    primary: Primary = None,
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
    count = asyncio.run(_change(selection, primary, discard=False))
    _expect(count, named=bool(version or table or deletes))
    _say(count, "retried", as_json=as_json)


@commands.command(epilog=EXIT_CODES)
def discard(
    table: Table = None,
    version: Versions = None,
    primary: Primary = None,
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
    count = asyncio.run(_change(selection, primary, discard=True))
    _expect(count, named=bool(version or table))
    _say(count, "discarded", as_json=as_json)


async def _entries(selection: Selection, limit: int) -> list[tuple[StoreName, Entry]]:
    from datalayer.layer.outboxes import open_outboxes, primary_of
    from datalayer.settings import Settings

    async with open_outboxes(Settings()) as outboxes:
        found = [(primary_of(o), entry) for o in outboxes for entry in await o.entries(selection, limit=limit)]
    return sorted(found, key=lambda owed: owed[1].created_at)[:limit]


async def _change(selection: Selection, primary: StoreKind | None, *, discard: bool) -> int:
    from datalayer.layer.outboxes import open_outboxes, primary_of
    from datalayer.settings import Settings

    async with open_outboxes(Settings()) as outboxes:
        chosen = [one for one in outboxes if primary is None or primary_of(one) == primary.value]
        await _refuse_ambiguous(chosen, selection)
        return sum([await (o.discard(selection) if discard else o.retry(selection)) for o in chosen])


async def _refuse_ambiguous(outboxes: Sequence[Outbox], selection: Selection) -> None:
    """Raise where a version names several entries: each store has a sequence of its own."""
    from datalayer.layer.outboxes import primary_of

    owing: dict[int, list[str]] = {}
    for outbox in outboxes:
        for entry in await outbox.entries(selection, limit=len(selection.versions)) if selection.versions else ():
            owing.setdefault(entry.version, []).append(primary_of(outbox))
    for version, names in owing.items():
        one, *others = sorted(set(names))
        if others:
            reason = f"an entry of {one} and one of {others[0]}: say which with --primary"
        elif len(names) > 1:
            reason = f"two entries of {one}: run `datalayer relay --once` first, which gives one a new version"
        else:
            continue
        raise InvalidValueError(f"{version} names {reason}", field="--version")


def _expect(count: int, *, named: bool) -> None:
    """Raise where what was named is not there: a typing mistake must not look like work done."""
    if named and not count:
        raise InvalidValueError("no entry is like that; `datalayer outbox list` shows each with its state")


def _say(count: int, done: str, *, as_json: bool) -> None:
    if as_json:
        output.print_json({done: count})
    else:
        output.results().print(f"{done} {count:,} {'entry' if count == 1 else 'entries'}")


def _asks_for_somebody(owed: OwedOfTable, max_lag: float | None) -> bool:
    """Whether it does not get settled by itself, or not soon enough."""
    left = owed.waiting.dead or owed.waiting.held or owed.set_aside
    return bool(left) or (max_lag is not None and owed.waiting.lag_seconds > max_lag)


def _counts(owed: OwedOfTable) -> dict[str, Any]:
    return {
        "waiting": owed.waiting.live - owed.set_aside,
        "dead": owed.waiting.dead,
        "held": owed.waiting.held,
        "set_aside": owed.set_aside,
        "lag_seconds": round(owed.waiting.lag_seconds, 3),
    }


def _cells(owed: OwedOfTable) -> tuple[str, ...]:
    *numbers, lag = _counts(owed).values()
    return owed.primary, owed.table, *(f"{number:,}" for number in numbers), f"{lag:,.1f} s"


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
