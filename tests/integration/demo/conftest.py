"""The demo as a program."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.demo.programs import Demo


@pytest.fixture
def demo() -> Iterator[Demo]:
    """Lend the program with a new temporary directory."""
    with tempfile.TemporaryDirectory(prefix="demo-", ignore_cleanup_errors=True) as directory:
        yield Demo(Path(directory))
