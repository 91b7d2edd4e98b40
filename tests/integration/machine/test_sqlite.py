"""Random interleavings over SQLite and PostgreSQL end equal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.integration.machine.exploring import POSTGRES, SQLITE, Build, explore

from datalayer.testing.servers import FoundServer

#: Rules that found something to do, over all pairs: less would try less than is promised.
_LEAST_STEPS = 1250
_PAIRS = 2


@pytest.fixture(scope="module")
def counted() -> list[int]:
    """Lend a list for the steps of each pair; together they are enough."""
    return []


@pytest.mark.parametrize(
    ("primary", "secondary"),
    [
        pytest.param(SQLITE, POSTGRES, id="sqlite, postgres"),
        pytest.param(POSTGRES, SQLITE, id="postgres, sqlite"),
    ],
)
@pytest.mark.timeout(900)
def test_random_interleavings_end_equal(
    datalayer_postgres: FoundServer,
    tmp_path: Path,
    counted: list[int],
    request: pytest.FixtureRequest,
    record_property: Callable[[str, object], None],
    primary: Build,
    secondary: Build,
) -> None:
    """Whatever happens in whatever order, both stores have the same rows in the end, and nothing is left owed."""
    steps = explore(datalayer_postgres, tmp_path, request.node.name, primary, secondary)
    record_property("steps", steps)
    counted.append(steps)


def test_enough_steps_were_made(counted: list[int]) -> None:
    """A run tries what it promises; a selection of pairs promises nothing."""
    if len(counted) == _PAIRS:
        assert sum(counted) >= _LEAST_STEPS
