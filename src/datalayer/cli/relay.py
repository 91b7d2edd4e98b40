"""``datalayer relay``."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from datalayer.cli import output
from datalayer.cli.errors import EXIT_CODES, ExitCode
from datalayer.wording import counted

if TYPE_CHECKING:
    from datalayer.errors import ConfigurationError
    from datalayer.outbox.relay import Relay
    from datalayer.telemetry import RelayEvent


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("relay", epilog=EXIT_CODES)(relay)


def relay(
    once: Annotated[bool, typer.Option("--once", help="End when nothing is due any more.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object per report, one a line.")] = False,
) -> None:
    """Carry what the primary owes to the store that follows, until SIGTERM, SIGINT or SIGHUP.

    Any number may run at once.
    The stores are those of the environment, like an application's; the application may have DATALAYER_RELAY=false then.
    It is refused where a start of the application would be, and ends when another primary is at work.
    With --once the exit code is 1 when entries are left: dead letters, held deletes, or what could not be settled; and
    when writes to Supabase without the script are left whose answers have not come.

    Example: ENABLE_DUAL_WRITE=true datalayer relay
    """
    last, unanswered = asyncio.run(_relay(once=once, as_json=as_json))
    if any(event.entries is None for event in last):
        output.note("note: the outbox could not be asked at the end, so it is not known what is left")
        raise typer.Exit(ExitCode.UNAVAILABLE)
    if any(event.entries for event in last):
        output.note(
            "note: entries are left, and `datalayer outbox list` says why; one that is waiting without an error may be"
            " claimed by another relay, or have been by one that was killed: those are free after"
            " DATALAYER_RELAY_LEASE_SECONDS"
        )
    if unanswered:
        output.note(
            f"note: {counted(unanswered, 'write')} to Supabase may still take effect, and can be carried after"
            " DATALAYER_REQUEST_LIFETIME_SECONDS"
        )
    if unanswered or any(event.entries for event in last):
        raise typer.Exit(ExitCode.DIFFERENCE)


async def _relay(*, once: bool, as_json: bool) -> tuple[list[RelayEvent], int]:
    """Carry; return the last reports of relays that end by themselves, and how many writes have no answer yet."""
    from datalayer.layer.opening import observers_for
    from datalayer.layer.pairs import open_links, pace_of
    from datalayer.settings import Settings
    from datalayer.telemetry import RelayObserver
    from datalayer.telemetry.logs import LogObserver

    settings = Settings()
    shown = _Shown(as_json=as_json)
    observers = (*observers_for(settings), shown)
    opening = asyncio.current_task()
    relays: list[Relay] = []
    refusals: list[ConfigurationError] = []
    last: list[RelayEvent] = []
    unanswered = 0

    def stop() -> None:
        for one in relays:
            one.stop()
        if not relays and opening is not None:
            opening.cancel()

    def give_way(error: ConfigurationError) -> None:
        refusals.append(error)
        stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    try:
        async with open_links(settings, observers=observers, patient=not once, on_rivals=give_way) as links:
            # Reports are on stdout already.
            heard = [o for o in observers if isinstance(o, RelayObserver) and not isinstance(o, LogObserver)]
            relays += [link.relay(pace_of(settings), observers=heard) for link in links]
            if once:
                last = await asyncio.gather(*(one.drain() for one in relays))
                shown.end(last)
                unanswered = sum([await link.unanswered() for link in links])
            else:
                await asyncio.gather(*(one.run() for one in relays))
    except asyncio.CancelledError:
        if relays:
            raise
    if refusals:
        raise refusals[0]
    return last, unanswered


class _Shown:
    """Prints reports; for people only those that have something to say."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._told: set[tuple[str, str]] = set()

    def __call__(self, event: object) -> None:
        """Pass over a store's calls."""

    def relayed(self, event: RelayEvent) -> None:
        """Print one report."""
        if self._as_json:
            output.print_json_line(event)
        elif event.settled or event.failed or event.error:
            self._told.add((event.primary, event.secondary))
            sys.stdout.write(_line(event))
        sys.stdout.flush()

    def end(self, last: Sequence[RelayEvent]) -> None:
        """Say of each relay that had nothing to say so far how it ended."""
        for event in last:
            if not self._as_json and (event.primary, event.secondary) not in self._told:
                owed = _line(event) if event.entries else f"{event.primary} to {event.secondary}: nothing is owed\n"
                sys.stdout.write(owed)


def _line(event: RelayEvent) -> str:
    known = event.entries is not None and event.lag_seconds is not None
    return (
        f"{event.primary} to {event.secondary}: {event.settled:,} settled, "
        + (f"{event.entries:,} left, lag {event.lag_seconds:.1f} s" if known else "what is left is unknown")
        + (f", {event.failed:,} failed" if event.failed else "")
        + (f" ({event.failure})" if event.failure else "")
        + (f", {event.dead:,} dead" if event.dead else "")
        + (f", {event.held:,} held" if event.held else "")
        + (f", {event.error}" if event.error else "")
        + "\n"
    )
