"""What an application does not use need not be installed; asking for it all the same says what to install."""

from __future__ import annotations

import subprocess
import sys

import pytest

_WITHOUT = "import sys; sys.modules[{package!r}] = None\n{code}"


@pytest.mark.parametrize(
    ("package", "module", "extra"),
    [
        ("supabase", "datalayer.stores.supabase", "datalayer[supabase]"),
        ("sentry_sdk", "datalayer.telemetry.sentry", "datalayer[sentry]"),
    ],
)
def test_a_missing_package_is_named_with_its_extra(package: str, module: str, extra: str) -> None:
    """The error is the library's own and tells the command that mends it."""
    code = _WITHOUT.format(package=package, code=f"import {module}")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "ConfigurationError" in done.stderr
    assert extra in done.stderr


def test_the_layer_works_without_them() -> None:
    """PostgreSQL and SQLite need neither."""
    code = "sys.modules['sentry_sdk'] = None; from datalayer import DataLayer; import datalayer.stores.postgres"
    script = _WITHOUT.format(package="supabase", code=code)
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
