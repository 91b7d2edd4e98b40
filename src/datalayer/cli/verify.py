"""``datalayer verify``."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from datalayer.cli import output
from datalayer.cli.errors import EXIT_CODES, ExitCode
from datalayer.cli.transfer import Source, Tables, Target, bars, names, opened
from datalayer.errors import ConfigurationError

if TYPE_CHECKING:
    from datalayer.transfer import VerifyReport

JsonFile: TypeAlias = Annotated[
    str | None,
    typer.Option("--json", metavar="FILE", help="Also write the result to a file; - for stdout.", show_default=False),
]


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("verify", epilog=EXIT_CODES)(verify)


def verify(source: Source, target: Target, tables: Tables = None, json_file: JsonFile = None) -> int:
    """Compare tables row by row, in any order, and name the first differences; exits 0 only when all are equal.

    Example: datalayer verify --source sqlite:///shop.sqlite --target postgresql://user@localhost/shop
    """
    report = asyncio.run(_verify(source, target, names(tables)))
    if json_file == "-":
        output.print_json(report.as_json())
    else:
        if json_file is not None:
            _write_json(json_file, report)
        _print_verified(report)
    return ExitCode.OK if report.equal else ExitCode.DIFFERENCE


async def _verify(source_url: str, target_url: str, tables: list[str] | None) -> VerifyReport:
    from datalayer import transfer

    async with opened(source_url, target_url) as (source, target):
        with bars("verifying") as on_progress:
            return await transfer.verify(source, target, tables=tables, on_progress=on_progress)


def _print_verified(report: VerifyReport) -> None:
    for note in report.notes:
        output.note(f"note: {note}")
    rows = [
        (t.table, _count(t.source_rows), _count(t.target_rows), "equal" if t.equal else "DIFFERENT")
        for t in report.tables
    ]
    output.print_table(("table", "source rows", "target rows", ""), rows)
    lines = [f"{table.table}: {difference}" for table in report.tables for difference in table.differences]
    unequal = sum(not table.equal for table in report.tables)
    summary = (
        f"{unequal} of {len(report.tables)} tables differ" if unequal else f"all {len(report.tables)} tables equal"
    )
    output.results().print("\n".join([*lines, f"{summary}, compared in {report.seconds:.1f} s"]))


def _count(rows: int | None) -> str:
    return "-" if rows is None else f"{rows:,}"


def _write_json(file: str, report: VerifyReport) -> None:
    try:
        Path(file).write_text(json.dumps(report.as_json(), ensure_ascii=False, indent=2) + "\n")
    except OSError as error:
        raise ConfigurationError(f"the file {file} for --json cannot be written: {error.strerror}") from None
