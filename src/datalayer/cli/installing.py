"""What the commands say of an install, and of what is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from datalayer.cli import output
from datalayer.errors import InvalidValueError
from datalayer.stores.catalog import RELOAD_SCHEMA
from datalayer.wording import counted

if TYPE_CHECKING:
    from datalayer.outbox.capture.status import CaptureStatus, Installed

Tables: TypeAlias = Annotated[
    str | None,
    typer.Option(help="Names, separated by commas; without it all that have a usable key.", show_default=False),
]
LockTimeout: TypeAlias = Annotated[
    float,
    typer.Option(metavar="N", min=0.001, max=86_400, help="Seconds to wait for a table that is in use (PostgreSQL)."),
]

Yes: TypeAlias = Annotated[bool, typer.Option("--yes", help="Drop what is still owed to the other store, too.")]


def refuse_to_drop(found: CaptureStatus, name: str, *, yes: bool, covered: int = 0, parted: bool = False) -> None:
    """Raise InvalidValueError where an uninstall would drop what nobody has agreed to lose.

    Args:
        covered: what is owed besides, by writes to a Supabase without the script.
        parted: whether companies of a cohort are in another store than the rest.
    """
    if parted and not yes:
        raise InvalidValueError(
            "is missing: companies of a cohort are in the other store, and nobody would know which; take the cohort's"
            " settings away and let the application run until `layer.cohort` is empty first",
            field="--yes",
        )
    owed = found.entries + found.dead + covered
    if owed and not yes:
        raise InvalidValueError(
            f"is missing: {counted(owed, 'change')} of {name} would never reach the other store; settle them"
            " with `datalayer relay --once` first",
            field="--yes",
        )


def tell_installed(told: dict[str, Installed], as_json: bool) -> None:
    """Say what each store got."""
    if as_json:
        shown = {
            name: {"armed_now": list(t.armed), "settled": t.settled, **as_object(t.status)} for name, t in told.items()
        }
        output.print_json({"stores": shown})
        return
    for name, installed in told.items():
        output.results().print(f"{name}: installed, {_armed(installed)}")
        _note_what_is_left(installed.status)
        if not installed.settled:
            output.note(
                "note: transactions from before the install are still open; start a backfill when they are over"
            )


def _armed(installed: Installed) -> str:
    now, total = len(installed.armed), len(installed.status.armed)
    if now:
        return f"{counted(now, 'table')} armed now, {total} in all"
    return f"{counted(total, 'table')} armed already" if total else "the bookkeeping alone"


def tell_uninstalled(gone: dict[str, bool], as_json: bool) -> None:
    """Say what each store lost."""
    if as_json:
        output.print_json({"uninstalled": gone})
        return
    for name, done in gone.items():
        output.results().print(f"{name}: {'uninstalled' if done else 'nothing was installed'}")


def print_status(found: CaptureStatus) -> None:
    """Show for people what is installed."""
    if not found.installed:
        output.results().print(
            "not installed; run datalayer supabase install. Where it was run, PostgREST has not read the schema since:"
            f" run {RELOAD_SCHEMA}"
        )
        return
    state = "current" if found.is_current else "outdated, install again"
    rows = [
        ("script", f"{found.script}, {state}"),
        ("database", str(found.id)),
        ("writes", "held by a fence" if found.fenced else "open"),
        ("armed tables", ", ".join(found.armed) or "none"),
        ("outdated tables", ", ".join(found.outdated) or "none"),
        ("tables left out", ", ".join(found.missing) or "none"),
        ("entries waiting", f"{found.entries:,}"),
        ("dead letters", f"{found.dead:,}"),
    ]
    output.print_table(("", ""), rows)
    _note_what_is_left(found)


def _note_what_is_left(found: CaptureStatus) -> None:
    for table, reason in found.unusable.items():
        output.note(f"note: {table} is not followed: {reason}")
    for other in found.interfering:
        output.note(
            f"note: trigger {other.trigger} on {other.table} fires again where rows are applied, which may make them"
            " differ; give it the condition current_setting('datalayer.applying', true) is distinct from 'on'"
        )


def as_object(found: CaptureStatus) -> dict[str, object]:
    """Return what is installed as JSON has it."""
    return {
        "installed": found.installed,
        "current": found.installed and found.is_current,
        "id": found.id,
        "script": found.script,
        "fenced": found.fenced,
        "armed": found.armed,
        "outdated": found.outdated,
        "missing": found.missing,
        "unusable": found.unusable,
        "interfering": found.interfering,
        "entries": found.entries,
        "dead": found.dead,
    }
