"""What an import costs, beside the drivers that an application has anyway."""

from __future__ import annotations

import subprocess
import sys

import pytest

BASE = "import psycopg, psycopg_pool, pydantic; pydantic.BaseModel"
ROUNDS = 5


def seconds(statement: str) -> float:
    """Time a statement in fresh interpreters; the quickest round is the least disturbed one."""
    script = f"import time; a = time.perf_counter(); {statement}; print(time.perf_counter() - a)"
    runs = [
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        for _ in range(ROUNDS)
    ]
    return min(float(run.stdout) for run in runs)


@pytest.mark.parametrize("statement", ["import datalayer", "from datalayer import DataLayer"])
def test_import_takes_at_most_half_more_than_the_drivers(statement: str) -> None:
    """Supabase, Sentry, rich and their like are loaded when they are used."""
    assert seconds(statement) <= 1.5 * seconds(BASE)
