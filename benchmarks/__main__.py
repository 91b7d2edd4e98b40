"""`python -m benchmarks [--quick] [--json FILE]`: start PostgreSQL, fill the table, measure, print."""

from __future__ import annotations

import argparse
import asyncio
import json
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.harness import Measured
from benchmarks.hot_path import ROWS, hot_path
from benchmarks.imports import imports
from benchmarks.table import DDL, FILL
from datalayer.servers.postgres import EmbeddedPostgres
from datalayer.stores.postgres import PostgresStore


async def run(*, quick: bool) -> list[Measured]:
    """Measure every scenario against one embedded server."""
    with EmbeddedPostgres() as server:
        store = await PostgresStore.open(server.dsn, max_size=10, timeout=60)
        try:
            async with store.connection() as connection:
                await connection.execute(DDL)
                await connection.execute(FILL, {"rows": ROWS})
                await connection.execute("vacuum analyze clients")
            return [*await hot_path(store, quick=quick), *await imports(quick=quick)]
        finally:
            await store.close()


def show(figures: list[Measured]) -> None:
    """Print a table."""
    table = Table("scenario", "variant", "p50 ms", "p95 ms", "per second", "ratio")
    for row in figures:
        table.add_row(
            row.scenario,
            row.variant,
            f"{row.p50_ms:.3f}",
            f"{row.p95_ms:.3f}",
            f"{row.per_second:,.0f}",
            f"{row.ratio:.2f}",
        )
    Console().print(table)


def main() -> None:
    """Parse arguments and run."""
    parser = argparse.ArgumentParser(prog="nox -s bench --", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer turns, under a minute")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures as a JSON list")
    arguments = parser.parse_args()
    figures = asyncio.run(run(quick=arguments.quick))
    show(figures)
    if arguments.json:
        arguments.json.write_text(json.dumps([row.as_dict() for row in figures], indent=2) + "\n")


if __name__ == "__main__":
    main()
