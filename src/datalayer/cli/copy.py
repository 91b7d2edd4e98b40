"""``datalayer copy``."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from datalayer.cli import output
from datalayer.cli.errors import EXIT_CODES, ExitCode
from datalayer.cli.row_progress import row_progress
from datalayer.cli.transfer import (
    AsJson,
    Source,
    Tables,
    Target,
    finite,
    names,
    opened,
    refuse_memory,
    telling_what_is_kept,
    untouched,
)
from datalayer.wording import counted

if TYPE_CHECKING:
    from datalayer.transfer import CopyPlan, CopyReport


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("copy", epilog=EXIT_CODES)(copy)


def copy(
    source: Source,
    target: Target,
    tables: Tables = None,
    jobs: Annotated[int, typer.Option(min=1, max=8, help="Parts written at a time, into PostgreSQL.")] = 2,
    max_rate: Annotated[
        float | None,
        typer.Option(min=1, callback=finite, help="Rows a second at most, over all tables.", show_default=False),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and change nothing.")] = False,
    as_json: AsJson = False,
) -> int:
    """Copy tables with all their rows; what is missing in the target is created, what is there is brought up to date.

    Created tables have columns, defaults, keys, unique constraints and foreign keys; checks, triggers and other indexes
    are named by `datalayer schema diff`. Rows that only the target has stay; `datalayer verify` names them.

    Whatever breaks it off, the same command again goes on where it stopped; into Supabase, which keeps no progress, it
    begins anew. With --dry-run values of a SQLite source that would stop the copy are counted, and exits 1 where there
    are any.

    Example: datalayer copy --source sqlite:///shop.sqlite --target postgresql://user@localhost/shop
    """
    if dry_run:
        plan = asyncio.run(_plan(source, target, names(tables)))
        _print_plan(plan, as_json=as_json)
        return ExitCode.DIFFERENCE if plan.misfits else ExitCode.OK
    report = asyncio.run(_copy(source, target, names(tables), jobs, max_rate))
    if as_json:
        output.print_json(report.as_json())
        return ExitCode.OK
    output.notes(report.notes)
    rows = [(t.table, f"{t.rows:,}", "created" if t.created else "") for t in report.tables]
    output.print_table(("table", "rows", ""), rows)
    tables, copied = counted(len(report.tables), "table"), counted(report.rows, "row")
    output.results().print(f"{tables}, {copied} copied in {report.seconds:.1f} s")
    return ExitCode.OK


async def _plan(source_url: str, target_url: str, tables: list[str] | None) -> CopyPlan:
    from datalayer import transfer

    refuse_memory(target_url)
    async with opened(source_url, untouched(target_url)) as (source, target):
        return await transfer.plan_copy(source, target, tables=tables)


async def _copy(
    source_url: str, target_url: str, tables: list[str] | None, jobs: int, max_rate: float | None
) -> CopyReport:
    from datalayer import transfer

    refuse_memory(target_url)
    async with opened(source_url, target_url) as (source, target):
        with telling_what_is_kept(), row_progress("copying") as on_progress:
            return await transfer.copy(
                source, target, tables=tables, jobs=jobs, max_rate=max_rate, on_progress=on_progress
            )


def _print_plan(plan: CopyPlan, *, as_json: bool) -> None:
    if as_json:
        output.print_json(plan.as_json())
        return
    output.notes(plan.notes)
    rows = [(t.table, f"{t.rows:,}", "create" if t.created else "", t.method) for t in plan.tables]
    output.print_table(("table", "rows, about", "", "how"), rows)
    tables, rows_about = (
        counted(len(plan.tables), "table"),
        counted(sum(t.rows for t in plan.tables), "row"),
    )
    for misfit in plan.misfits:
        output.results().print(str(misfit))
    stopping = sum(misfit.rows for misfit in plan.misfits)
    stop = f"; {counted(stopping, 'value')} would stop the copy" if stopping else ""
    output.results().print(f"{tables}, about {rows_about}; nothing changed{stop}")
