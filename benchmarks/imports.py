"""What importing costs, in fresh interpreters, beside the libraries that it cannot do without."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from benchmarks.harness import Measured, measure

_VARIANTS = {
    "psycopg, psycopg_pool, pydantic": "import psycopg, psycopg_pool, pydantic",
    "datalayer": "import datalayer",
    "datalayer with a PostgreSQL layer's modules": "from datalayer import DataLayer; import datalayer.stores.postgres",
}


async def imports(*, quick: bool) -> list[Measured]:
    """Time whole interpreters; the ratio is to the libraries alone."""
    return await measure(
        "import",
        {name: _starting(code) for name, code in _VARIANTS.items()},
        rounds=3 if quick else 8,
        calls=2,
        baseline="psycopg, psycopg_pool, pydantic",
    )


def _starting(code: str) -> Callable[[], Awaitable[Any]]:
    async def start() -> None:
        subprocess.run([sys.executable, "-c", code], check=True)  # noqa: ASYNC221, S603 - nothing else runs meanwhile

    return start
