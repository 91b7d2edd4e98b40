"""``datalayer verify``."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from datalayer.cli import output
from datalayer.cli.errors import EXIT_CODES, ExitCode, told_by_options
from datalayer.cli.row_progress import row_progress
from datalayer.cli.transfer import Source, Tables, Target, names, opened
from datalayer.wording import agreed, counted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from datalayer.transfer import RepairReport, VerifyReport

JsonFile: TypeAlias = Annotated[
    str | None,
    typer.Option("--json", metavar="FILE", help="Also write the result to a file; - for stdout.", show_default=False),
]
HtmlFile: TypeAlias = Annotated[
    Path | None,
    typer.Option("--html", metavar="FILE", help="Also write a page to keep as evidence.", show_default=False),
]
StateFile: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--state", metavar="FILE", help="Remember what is equal here; run again to go on.", show_default=False
    ),
]
InvariantsFile: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--invariants",
        metavar="FILE",
        help="Named SQL statements that must return no rows of the target.",
        show_default=False,
    ),
]
Jobs: TypeAlias = Annotated[int, typer.Option(metavar="N", min=1, max=32, help="Tables compared at a time.")]
Limit: TypeAlias = Annotated[
    int, typer.Option(metavar="N", min=1, help="Differences named per table; all are counted.")
]
Strong: TypeAlias = Annotated[
    bool, typer.Option("--strong", help="Hash rows to 128 bits also where both servers hash them to 64 quicker.")
]
Repair: TypeAlias = Annotated[
    bool, typer.Option("--repair", help="Make the differing rows of the target what the source has; verify again.")
]
AllowDeletes: TypeAlias = Annotated[
    int, typer.Option(metavar="N", min=0, help="Rows that --repair may delete; beyond it nothing is repaired.")
]


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("verify", epilog=EXIT_CODES)(verify)


def verify(
    source: Source,
    target: Target,
    tables: Tables = None,
    repair: Repair = False,
    allow_deletes: AllowDeletes = 100,
    invariants: InvariantsFile = None,
    strong: Strong = False,
    limit: Limit = 10,
    jobs: Jobs = 2,
    state: StateFile = None,
    json_file: JsonFile = None,
    html_file: HtmlFile = None,
) -> int:
    """Compare tables row by row, in any order, name the first differences; exits 0 only when all are equal.

    Foreign keys, NOT NULL columns and invariants of the target are checked too.

    Example: datalayer verify --source sqlite:///shop.sqlite --target postgresql://user@localhost/shop --html proof.html
    """
    from datalayer.transfer.verifying.checks import read_invariants

    if repair and state is not None:
        raise typer.BadParameter("--repair compares everything again; leave --state out")
    _refuse_places(json_file, html_file)
    with told_by_options():
        asked = () if invariants is None else read_invariants(invariants)
    options: dict[str, Any] = {
        "tables": names(tables),
        "limit": limit,
        "jobs": jobs,
        "strong": strong,
        "checks": True,
        "invariants": asked,
    }
    if repair:
        repaired = asyncio.run(_repair(source, target, options | {"allow_deletes": allow_deletes}))
        report, as_json = repaired.after, repaired.as_json()
    else:
        repaired, report = None, asyncio.run(_verify(source, target, options, state))
        as_json = report.as_json()
    if json_file == "-":
        output.print_json(as_json)
    else:
        _print_repaired(repaired)
        _print_verified(report)
    _write_files(report, repaired, as_json, (source, target), json_file, html_file)
    return ExitCode.OK if report.proven else ExitCode.DIFFERENCE


async def _verify(source_url: str, target_url: str, options: dict[str, Any], file: Path | None) -> VerifyReport:
    from datalayer import transfer
    from datalayer.transfer.verifying.state import VerifyState

    with told_by_options():
        state = None if file is None else VerifyState.open(file, f"{source_url}\n{target_url}\n{options['strong']}")
    async with opened(source_url, target_url, create=False, writes=False) as (source, target):
        with row_progress("verifying", counted="rows of both sides") as on_progress, told_by_options():
            return await transfer.verify(source, target, **options, state=state, on_progress=on_progress)


async def _repair(source_url: str, target_url: str, options: dict[str, Any]) -> RepairReport:
    from datalayer import transfer

    async with opened(source_url, target_url, create=False) as (source, target):
        with row_progress("verifying", counted="rows of both sides") as on_progress:
            return await transfer.repair(source, target, **options, on_progress=on_progress)


def _refuse_places(json_file: str | None, html_file: Path | None) -> None:
    """Refuse files that cannot be made before anything is compared: that may take hours."""
    if html_file == Path("-"):
        raise typer.BadParameter("--html needs the name of a file; only --json writes to stdout")
    files = {"--json": None if json_file in (None, "-") else Path(json_file), "--html": html_file}
    for option, file in files.items():
        if file is not None and (file.is_dir() or not file.absolute().parent.is_dir()):
            wrong = "it is a directory" if file.is_dir() else "its directory is not there"
            raise typer.BadParameter(f"the file {file} for {option} cannot be written: {wrong}")


def _write_files(
    report: VerifyReport,
    repaired: RepairReport | None,
    as_json: Mapping[str, Any],
    urls: tuple[str, str],
    json_file: str | None,
    html_file: Path | None,
) -> None:
    if json_file not in (None, "-"):
        _write("--json", Path(json_file), json.dumps(as_json, ensure_ascii=False, indent=2) + "\n")
    if html_file is not None:
        from datalayer.transfer.verifying.page import page

        _write("--html", html_file, page(report, source=urls[0], target=urls[1], repaired=repaired))


def _write(option: str, file: Path, text: str) -> None:
    """Write a file; what could be written only in part is taken away."""
    try:
        with file.open("w", encoding="utf-8") as opened_file:
            try:
                opened_file.write(text)
                opened_file.flush()
            except OSError:
                if file.is_file():
                    file.unlink()
                raise
    except OSError as error:
        raise typer.BadParameter(f"the file {file} for {option} cannot be written: {error.strerror}") from None


def _print_repaired(repaired: RepairReport | None) -> None:
    if repaired is None:
        return
    output.notes(repaired.notes)
    for table in repaired.tables:
        written = counted(table.upserted, "row")
        output.results().print(f"repaired {table.table}: {written} written, {table.deleted:,} deleted")


def _print_verified(report: VerifyReport) -> None:
    output.notes(report.notes)
    lines: list[str] = []
    for table in report.tables:
        lines.append(str(table))
        lines += [f"  {table.table}: {difference}" for difference in table.differences]
        unnamed = table.differing.rows - len(table.differences)
        if table.differences and unnamed > 0:
            lines.append(f"  {table.table}: and {unnamed:,} more; --limit names them")
    lines += [str(check) for check in report.checks if check.violations != 0]
    rules = counted(len(report.checks), "rule")
    if any(check.violations is not None for check in report.checks):
        lines.append(f"{sum(check.violations == 0 for check in report.checks)} of {rules} of the target kept")
    unequal = sum(not table.equal for table in report.tables)
    tables = counted(len(report.tables), "table")
    if unequal:
        summary = f"{unequal:,} of {tables} {agreed(unequal, 'differs', 'differ')}"
    else:
        summary = f"{'all ' if len(report.tables) > 1 else ''}{tables} equal"
    if report.violated:
        summary += f", {len(report.violated)} of {rules} broken"
    output.results().print("\n".join([*lines, f"{summary}, compared in {report.seconds:.1f} s"]))
