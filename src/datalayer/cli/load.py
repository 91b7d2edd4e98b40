"""``datalayer load``."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from datalayer.cli import output
from datalayer.cli.errors import EXIT_CODES, ExitCode, naming_side, told_by_options
from datalayer.cli.row_progress import row_progress
from datalayer.cli.transfer import (
    STORES,
    AsJson,
    Tables,
    names,
    opened_target,
    refuse_memory,
    telling_what_is_kept,
    there,
    untouched,
)
from datalayer.wording import counted

if TYPE_CHECKING:
    from datalayer.transfer.loads.reports import LoadedTable, LoadReport
    from datalayer.transfer.loads.transforms import Transform


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("load", epilog=EXIT_CODES)(load)


def load(
    directory: Annotated[
        Path, typer.Argument(help="Of a finished export.", callback=there, readable=False, show_default=False)
    ],
    target: Annotated[str, typer.Option(help=f"Where the rows go: {STORES}.")],
    tables: Tables = None,
    transform: Annotated[
        str | None,
        typer.Option(
            metavar="MODULE:FUNCTION",
            help="Called as function(table, row) for every row; returns (table, row), or None to leave it out.",
            show_default=False,
        ),
    ] = None,
    upsert: Annotated[
        bool, typer.Option("--upsert", help="The target may hold rows: those with the same key are replaced.")
    ] = False,
    jobs: Annotated[
        int,
        typer.Option(
            metavar="N", min=1, max=16, help="Tables loaded at a time; one by one into SQLite and with --transform."
        ),
    ] = 2,
    as_json: AsJson = False,
) -> int:
    """Put an export into a store: digests first, then chunk by chunk; the same command continues where it broke off.

    Into Supabase, which keeps no progress, the same command with --upsert begins anew. Afterwards required columns and
    references are checked; exits 1 where the rows break them.

    Example: datalayer load shop-export --target postgresql://user@localhost/shop
    """
    from datalayer.transfer.loads.transforms import find_transform

    with told_by_options():
        function = None if transform is None else find_transform(transform)
    report = asyncio.run(_load(directory, target, names(tables), function, upsert=upsert, jobs=jobs))
    if as_json:
        output.print_json(report.as_json())
    else:
        _print(report)
    return ExitCode.DIFFERENCE if report.problems else ExitCode.OK


async def _load(
    directory: Path, url: str, tables: list[str] | None, transform: Transform | None, *, upsert: bool, jobs: int
) -> LoadReport:
    from datalayer.transfer.exports.checking import finished_manifest
    from datalayer.transfer.loads.loading import checked_export, load_checked

    refuse_memory(url)
    finished_manifest(directory)
    # A SQLite file is made by being opened; a server that is away is better found before files are read for minutes.
    checked = await checked_export(directory, tables=tables) if untouched(url) != url else None
    async with opened_target(url) as store:
        checked = checked or await checked_export(directory, tables=tables)
        with telling_what_is_kept(), naming_side(lambda _: "target"), row_progress("loading") as on_progress:
            return await load_checked(
                checked, store, transform=transform, upsert=upsert, jobs=jobs, on_progress=on_progress
            )


def _print(report: LoadReport) -> None:
    output.notes(report.notes)
    rows = [
        (
            t.table,
            f"{t.rows:,}",
            f"{t.written:,}",
            "" if t.targets in ((), (t.table,)) else f"into {', '.join(t.targets)}",
            _resumed(t),
        )
        for t in report.tables
    ]
    output.print_table(("table", "rows", "written", "", ""), rows)
    tables, loaded = counted(len(rows), "table"), counted(report.rows - report.rows_before, "row")
    before = f"; {counted(report.rows_before, 'row')} loaded before" if report.rows_before else ""
    done = f"{tables}, {loaded} loaded in {report.seconds:.1f} s{before}"
    output.results().print("\n".join([*report.problems, done]))


def _resumed(table: LoadedTable) -> str:
    if not table.resumed_at:
        return ""
    return "loaded before" if table.resumed_at == table.rows else f"continued at {table.resumed_at:,}"
