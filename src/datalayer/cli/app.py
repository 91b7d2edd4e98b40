"""The frame of the command line: commands from their own modules, and one place where every error ends."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Annotated

import typer

from datalayer.cli import (
    backfill,
    capture,
    copy,
    demo,
    export,
    load,
    migrate,
    outbox,
    relay,
    schema,
    streams,
    supabase,
    sync,
    verify,
)
from datalayer.cli.errors import EXIT_CODES, ExitCode, awaited, report, say
from datalayer.cli.output import note
from datalayer.cli.resuming import besides, continuing
from datalayer.errors import DataLayerError
from datalayer.quiet import silenced
from datalayer.signals import interrupting

#: Modules with a ``register(app)``; they import what they need inside of their commands.
_COMMANDS = (
    migrate,
    schema,
    copy,
    sync,
    verify,
    export,
    load,
    outbox,
    capture,
    supabase,
    backfill,
    relay,
    demo,
)

#: Loggers that report each attempt to reach a server that is away, and each step of leaving a connection that was lost:
#: what the commands themselves say once.
_NOISY = ("psycopg", "stamina")

#: Errors after which the arguments may be right.
_MAY_GO_ON = (ExitCode.UNAVAILABLE, ExitCode.FAILED, ExitCode.INTERRUPTED)

#: What a shell makes of a signal that ended a process is this and its number.
_ENDED_BY_A_SIGNAL = 128

app = typer.Typer(
    name="datalayer",
    help="""Typed repositories on PostgreSQL, and a safe way there from Supabase.

    Example: datalayer migrate up --url postgresql://user@localhost/salon
    """,
    epilog=EXIT_CODES,
    add_completion=False,
    # Anything else keeps the line breaks of docstrings.
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)
for _command in _COMMANDS:
    _command.register(app)


def main() -> None:
    """Run the command line of this process and end it with the exit code."""
    streams.take_over()
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code.

    An error becomes one line on stderr. Where the same command goes on once the cause is mended, another line is it.
    """
    goes_on_with: Sequence[str] | None = besides()
    once = ""
    debug = "--debug" in arguments
    ended_by: list[int] = []
    try:
        with ExitStack() as around:
            for name in () if debug else _NOISY:
                around.enter_context(silenced(name))
            if threading.current_thread() is threading.main_thread():
                around.enter_context(interrupting(ended_by))
            code = app(args=list(arguments), prog_name="datalayer", standalone_mode=False)
            sys.stdout.flush()
    except (typer.Abort, KeyboardInterrupt):
        code = ExitCode.INTERRUPTED
    except Exception as error:
        # A mistake of ours would happen again.
        goes_on_with = error.goes_on_with if isinstance(error, DataLayerError) else None
        once = awaited(error)
        code = report(error, debug=debug, command=_command_in(arguments))
    if code == ExitCode.INTERRUPTED:
        say(f"ended by {signal.Signals(ended_by[0]).name}" if ended_by else "interrupted")
    if code in _MAY_GO_ON and goes_on_with is not None:
        line = continuing(_command_in(arguments), [*arguments, *goes_on_with], once)
        if line is not None:
            note(line)
    if code == ExitCode.INTERRUPTED and ended_by:
        return _ENDED_BY_A_SIGNAL + ended_by[0]
    return int(code or ExitCode.OK)


def _command_in(arguments: Sequence[str]) -> str:
    """Return the command that the arguments begin with, as a user calls it."""
    path, inside = ["datalayer"], typer.main.get_command(app)
    for word in arguments:
        found = getattr(inside, "commands", {}).get(word)
        if found is not None:
            path.append(word)
            inside = found
    return " ".join(path)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        sys.stdout.write(f"datalayer {version('datalayer')}\n")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    _version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_print_version, is_eager=True)
    ] = False,
    _debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    if context.invoked_subcommand is None:
        sys.stdout.write(context.get_help())
        raise typer.Exit(ExitCode.USAGE)
