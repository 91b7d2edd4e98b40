"""``datalayer copy``."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import typer

from datalayer.cli import output
from datalayer.cli.errors import EXIT_CODES
from datalayer.cli.transfer import AsJson, Source, Tables, Target, bars, names, opened

if TYPE_CHECKING:
    from datalayer.transfer import CopyReport


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("copy", epilog=EXIT_CODES)(copy)


def copy(source: Source, target: Target, tables: Tables = None, as_json: AsJson = False) -> None:
    """Copy tables with all their rows; what is missing in the target is created, what is there is brought up to date.

    Example: datalayer copy --source sqlite:///shop.sqlite --target postgresql://user@localhost/shop
    """
    report = asyncio.run(_copy(source, target, names(tables)))
    if as_json:
        output.print_json(report.as_json())
        return
    for note in report.notes:
        output.note(f"note: {note}")
    rows = [(t.table, f"{t.rows:,}", "created" if t.created else "") for t in report.tables]
    output.print_table(("table", "rows", ""), rows)
    tables, copied = output.counted(len(report.tables), "table"), output.counted(report.rows, "row")
    output.results().print(f"{tables}, {copied} copied in {report.seconds:.1f} s")


async def _copy(source_url: str, target_url: str, tables: list[str] | None) -> CopyReport:
    from datalayer import transfer

    async with opened(source_url, target_url) as (source, target):
        with bars("copying") as on_progress:
            return await transfer.copy(source, target, tables=tables, on_progress=on_progress)
