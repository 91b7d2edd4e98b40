"""The examples run as they stand, on servers of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from datalayer import Settings
from datalayer.testing.servers import postgrest_for_tests

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.timeout(180)
def test_example_of_dual_write_ends_with_equal_stores(tmp_path: Path) -> None:
    """It goes from Supabase to PostgreSQL without an error, and its last command finds all three batches equal."""
    postgrest_for_tests()
    named = {name.upper() for name in Settings.model_fields}
    plain = {name: value for name, value in os.environ.items() if name not in named}
    plain["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{plain['PATH']}"
    command = [sys.executable, "-W", "error", str(EXAMPLES / "dual_write.py")]
    done = subprocess.run(command, cwd=tmp_path, env=plain, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    modes = [line for line in done.stdout.splitlines() if line.startswith("mode: ")]
    assert modes == ["mode: supabase, postgres follows", "mode: postgres, supabase follows"]
    assert "clients 300/300 rows match (100 %)" in done.stdout
    assert list(tmp_path.iterdir()) == []
