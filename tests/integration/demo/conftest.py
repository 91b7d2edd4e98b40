"""The demo as a program."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.integration.demo.programs import Demo, lent_demo


@pytest.fixture
def demo() -> Iterator[Demo]:
    """Lend the program with a new temporary directory."""
    with lent_demo() as lent:
        yield lent
