"""``datalayer schema diff``."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Final

import typer

from datalayer.cli import output
from datalayer.cli.errors import EXIT_CODES, ExitCode
from datalayer.cli.transfer import AsJson, Tables, Target, names, opened, opened_target, untouched
from datalayer.wording import counted

if TYPE_CHECKING:
    from datalayer.transfer.schemas.reports import SchemaDifference, SchemaReport

_NOT_THERE: Final = "the target's file is not there yet: copy and load make it; it is compared as an empty one"

commands = typer.Typer(
    help="""Look at schemas before rows move.

    Example: datalayer schema diff --source sqlite:///shop.sqlite --target postgresql://user@localhost/shop
    """,
    epilog=EXIT_CODES,
)


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.add_typer(commands, name="schema")


@commands.callback()
def _schema() -> None:
    """Keep ``diff`` a subcommand although it is the only one."""


@commands.command(epilog=EXIT_CODES)
def diff(
    context: typer.Context,
    target: Target,
    source: Annotated[
        str | None, typer.Option(help="Where the rows are: a URL like --target.", show_default=False)
    ] = None,
    tables: Tables = None,
    repositories: Annotated[
        bool,
        typer.Option(
            "--repositories",
            help="Also compare the target with the package's repositories: every model's columns, every conflict"
            " target's unique index. --source may be left out then.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Compare two live schemas: what blocks a move, what it would lose, what is harmless; exits 0 when a move is safe.

    Example: datalayer schema diff --source sqlite:///shop.sqlite --target postgresql://user@localhost/shop
    """
    if source is None and not repositories:
        raise typer.BadParameter("--source is needed, or --repositories", ctx=context)
    if source is None and tables is not None:
        raise typer.BadParameter("--tables goes with --source; --repositories looks at all tables", ctx=context)
    report = None if source is None else asyncio.run(_compare(source, target, names(tables)))
    problems = asyncio.run(_problems(target)) if repositories else []
    if as_json:
        found = {} if report is None else report.as_json()
        safe = (report is None or report.safe) and not problems
        output.print_json(found | {"safe": safe} | ({"repositories": problems} if repositories else {}))
    else:
        if report is not None:
            _print(report)
        if repositories:
            output.results().print("\n".join(problems) or "the target has what the repositories need")
    return ExitCode.DIFFERENCE if problems or (report is not None and not report.safe) else ExitCode.OK


async def _compare(source_url: str, target_url: str, tables: list[str] | None) -> SchemaReport:
    from datalayer.transfer.schemas.comparing import compare_schemas

    planned = untouched(target_url)
    async with opened(source_url, planned, create=False, writes=False) as (source, target):
        report = await compare_schemas(source, target, tables=tables)
    return report if planned == target_url else replace(report, notes=(_NOT_THERE, *report.notes))


async def _problems(url: str) -> list[str]:
    from datalayer.layer.schema import schema_problems

    async with opened_target(url, create=False, writes=False) as store:
        return await schema_problems(store)


def _print(report: SchemaReport) -> None:
    output.notes(report.notes)
    if report.differences:
        output.print_table(("", "table", "", "difference"), [_line(d) for d in report.differences])
    verdict = "a move is safe" if report.safe else "a move is not safe as it is"
    tables = counted(len(report.tables), "table")
    differences = counted(len(report.differences), "difference")
    output.results().print(f"{tables} compared, {differences}: {verdict}")


def _line(difference: SchemaDifference) -> tuple[str, str, str, str]:
    return difference.weight.value, difference.table, difference.subject, difference.what
