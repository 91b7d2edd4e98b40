"""Random interleavings over Supabase and PostgreSQL end equal, whatever becomes of requests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.integration.machine.exploring import BARE, POSTGRES, SCRIPTED, Build, explore

from datalayer.testing.servers import FoundServer

#: Rules that found something to do, over all pairs: less would try less than is promised.
_LEAST_STEPS = 750
_PAIRS = 4


@pytest.fixture(scope="module")
def counted() -> list[int]:
    """Lend a list for the steps of each pair; together they are enough."""
    return []


@pytest.mark.parametrize(
    ("primary", "secondary"),
    [
        pytest.param(SCRIPTED, POSTGRES, id="supabase with the script, postgres"),
        pytest.param(POSTGRES, SCRIPTED, id="postgres, supabase with the script"),
        pytest.param(BARE, POSTGRES, id="supabase by requests, postgres"),
        pytest.param(POSTGRES, BARE, id="postgres, supabase by pins"),
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
