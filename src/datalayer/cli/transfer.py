"""``datalayer copy`` and ``datalayer verify``."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from datalayer.cli import output
from datalayer.cli.errors import EXIT_CODES, ExitCode
from datalayer.errors import ConfigurationError

if TYPE_CHECKING:
    from datalayer.stores.contract import Store
    from datalayer.transfer import CopyReport, VerifyReport
    from datalayer.transfer.reports import OnProgress, Progress

_URLS = "postgresql://USER@HOST/DATABASE, sqlite:///FILE, supabase://HOST or supabase+http://HOST:PORT"

Source: TypeAlias = Annotated[
    str, typer.Option(help=f"Where the rows are: {_URLS}; Supabase's key from SUPABASE_SERVICE_ROLE_KEY.")
]
Target: TypeAlias = Annotated[str, typer.Option(help="Where they go, or should be by now: a URL like --source.")]
Tables: TypeAlias = Annotated[
    str | None, typer.Option(help="Names, separated by commas; all tables without it.", show_default=False)
]
AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
JsonFile: TypeAlias = Annotated[
    str | None,
    typer.Option("--json", metavar="FILE", help="Also write the result to a file; - for stdout.", show_default=False),
]


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command("copy", epilog=EXIT_CODES)(copy)
    app.command("verify", epilog=EXIT_CODES)(verify)


def copy(source: Source, target: Target, tables: Tables = None, as_json: AsJson = False) -> None:
    """Copy tables with all their rows; what is missing in the target is created, what is there is brought up to date.

    Example: datalayer copy --source sqlite:///shop.sqlite --target postgresql://user@localhost/shop
    """
    report = asyncio.run(_copy(source, target, _names(tables)))
    if as_json:
        output.print_json(report.as_json())
        return
    for note in report.notes:
        output.note(f"note: {note}")
    rows = [(t.table, f"{t.rows:,}", "created" if t.created else "") for t in report.tables]
    output.print_table(("table", "rows", ""), rows)
    output.results().print(f"{len(report.tables)} tables, {report.rows:,} rows copied in {report.seconds:.1f} s")


def verify(source: Source, target: Target, tables: Tables = None, json_file: JsonFile = None) -> int:
    """Compare tables row by row, in any order, and name the first differences; exits 0 only when all are equal.

    Example: datalayer verify --source sqlite:///shop.sqlite --target postgresql://user@localhost/shop
    """
    report = asyncio.run(_verify(source, target, _names(tables)))
    if json_file == "-":
        output.print_json(report.as_json())
    else:
        if json_file is not None:
            _write_json(json_file, report)
        _print_verified(report)
    return ExitCode.OK if report.equal else ExitCode.DIFFERENCE


async def _copy(source_url: str, target_url: str, tables: list[str] | None) -> CopyReport:
    from datalayer import transfer

    async with _stores(source_url, target_url) as (source, target):
        with _progress("copying") as on_progress:
            return await transfer.copy(source, target, tables=tables, on_progress=on_progress)


async def _verify(source_url: str, target_url: str, tables: list[str] | None) -> VerifyReport:
    from datalayer import transfer

    async with _stores(source_url, target_url) as (source, target):
        with _progress("verifying") as on_progress:
            return await transfer.verify(source, target, tables=tables, on_progress=on_progress)


@asynccontextmanager
async def _stores(source_url: str, target_url: str) -> AsyncIterator[tuple[Store, Store]]:
    from datalayer.stores.opening import open_store

    if source_url == target_url:
        raise ConfigurationError("--source and --target are the same store; name another one")
    _refuse_missing_file(source_url)
    source = await open_store(source_url)
    try:
        target = await open_store(target_url)
        try:
            yield source, target
        finally:
            await target.close()
    finally:
        await source.close()


def _refuse_missing_file(url: str) -> None:
    """Opening would create the file, and an empty source looks like a finished copy."""
    path = url.removeprefix("sqlite:///")
    if path != url and not Path(path).exists():
        raise ConfigurationError(f"the source file {path} does not exist; sqlite:////path is absolute")


def _names(tables: str | None) -> list[str] | None:
    return None if tables is None else [name.strip() for name in tables.split(",") if name.strip()]


@contextmanager
def _progress(verb: str) -> Iterator[OnProgress | None]:
    """Show a bar per table on stderr where somebody looks."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich import progress as bars

    with bars.Progress(
        bars.TextColumn("{task.description}"),
        bars.BarColumn(),
        bars.MofNCompleteColumn(),
        bars.TimeRemainingColumn(),
        console=output.progress(),
        transient=True,
    ) as bar:
        lines: dict[str, bars.TaskID] = {}

        def advance(progress: Progress) -> None:
            if progress.table not in lines:
                lines[progress.table] = bar.add_task(f"{verb} {progress.table}", total=progress.total)
            bar.update(lines[progress.table], completed=progress.rows, total=progress.total)

        yield advance


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
