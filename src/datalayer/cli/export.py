"""``datalayer export`` and ``datalayer export verify``."""

from __future__ import annotations

import asyncio
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from datalayer.cli import output
from datalayer.cli.errors import EXIT_CODES, ExitCode, naming_side
from datalayer.cli.row_progress import row_progress
from datalayer.cli.transfer import STORES, AsJson, Tables, names, opened_source, there
from datalayer.errors import DataLayerError
from datalayer.urls import place
from datalayer.wording import counted

if TYPE_CHECKING:
    from datalayer.transfer.exports.manifest import Manifest
    from datalayer.transfer.exports.reports import ExportReport

commands = typer.Typer(
    help="""Write tables with all their rows into a directory, with everything that proves them.

    Compressed NDJSON, one file a table, and a manifest with the source's schema, counts and SHA-256 digests. The same
    command continues an export that broke off.

    Example: datalayer export --source postgresql://user@localhost/shop --out shop-export
    """,
    epilog=EXIT_CODES,
    invoke_without_command=True,
)


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.add_typer(commands, name="export")


@commands.callback()
def export(
    context: typer.Context,
    source: Annotated[
        str | None,
        typer.Option(
            help=f"Where the rows are: {STORES}, files:///DIR.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The directory, made where it is missing.", readable=False, show_default=False)
    ] = None,
    tables: Tables = None,
    as_json: AsJson = False,
) -> None:
    """Write tables into a directory, unless a subcommand is meant."""
    if context.invoked_subcommand is not None:
        return
    if source is None or out is None:
        raise typer.BadParameter("--source and --out are both needed", ctx=context)
    report = _exported(source, out, names(tables))
    if as_json:
        output.print_json(report.as_json())
        return
    output.notes(report.manifest.notes)
    rows = [(t.name, f"{t.rows:,}", t.file, f"{t.bytes:,}") for t in report.manifest.tables]
    output.print_table(("table", "rows", "file", "bytes"), rows)
    output.results().print(
        f"{_size(report.manifest)} in {out}, exported in {report.seconds:.1f} s;"
        f" {shlex.join(['datalayer', 'export', 'verify', str(out)])} checks them"
    )


@commands.command(epilog=EXIT_CODES)
def verify(
    directory: Annotated[
        Path, typer.Argument(help="Of an export.", callback=there, readable=False, show_default=False)
    ],
    as_json: AsJson = False,
) -> int:
    """Check every file, byte and row of an export against its manifest; exits 0 only when all is as it was written.

    Example: datalayer export verify shop-export
    """
    from datalayer.transfer.exports.checking import check_export

    console = output.progress()
    checked = check_export(directory, on_table=lambda table: console.print(f"checking {table}"))
    if as_json:
        output.print_json(checked.as_json())
    elif checked.manifest is not None and checked.intact:
        output.results().print(f"{_size(checked.manifest)}: every byte is as it was written")
    else:
        output.results().print("\n".join(checked.problems))
    return ExitCode.OK if checked.intact else ExitCode.DIFFERENCE


def _size(manifest: Manifest) -> str:
    return f"{counted(len(manifest.tables), 'table')}, {counted(manifest.rows, 'row')}"


def _exported(source: str, out: Path, tables: list[str] | None) -> ExportReport:
    from datalayer.transfer.exports.exporting import finished_tables

    try:
        return asyncio.run(_export(source, out, tables))
    except (DataLayerError, KeyboardInterrupt) as error:
        goes_on = not isinstance(error, DataLayerError) or error.goes_on_with is not None
        kept = finished_tables(out)
        if kept and goes_on:
            output.note(f"kept in {out}: {', '.join(kept)}; the same command again continues")
        raise


async def _export(source: str, out: Path, tables: list[str] | None) -> ExportReport:
    from datalayer.transfer.exports.exporting import export as write_export

    async with opened_source(source) as store:
        with naming_side(lambda _: "source"), row_progress("exporting") as on_progress:
            return await write_export(store, out, tables=tables, source_name=place(source), on_progress=on_progress)
