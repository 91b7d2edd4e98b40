"""The protocol with captured requests: what holds, and what every weaker rule would lose."""

from __future__ import annotations

import sys

import pytest
from tests.model.requests import Protocol, explore

SOUND = Protocol()


@pytest.mark.parametrize("writes", [(2, 0), (0, 2), (2, 3)])
def test_relays_end_equal(writes: tuple[int, ...]) -> None:
    """Requests whose clients gave up, and that land later, are carried like all others."""
    assert explore(SOUND, writes).counterexample is None


def test_three_writers_end_equal() -> None:
    """A third writer changes nothing about that."""
    assert explore(SOUND, (2, 0, 3), deaths=0).counterexample is None


@pytest.mark.parametrize("writes", [(2,), (0,), (0, 2)])
def test_backfill_ends_equal(writes: tuple[int, ...]) -> None:
    """A backfill below every version neither overwrites what is newer nor brings a deleted row back."""
    assert explore(SOUND, writes, backfill=True).counterexample is None


@pytest.mark.parametrize(
    ("protocol", "writes", "more"),
    [
        pytest.param(Protocol(marks="at the beginning"), (2,), {}, id="mark before the request alone"),
        pytest.param(Protocol(operations=False), (2,), {}, id="mark after the answer alone"),
        pytest.param(Protocol(expiry="timeout"), (2,), {}, id="resolve while the request can still act"),
        pytest.param(Protocol(guard=False), (2, 3), {}, id="no guard: a slow relay overwrites what is newer"),
        pytest.param(Protocol(settle="all"), (2, 3), {}, id="settle marks that were not seen"),
        pytest.param(Protocol(backfill="blind"), (2,), {"backfill": True}, id="backfill overwrites"),
        pytest.param(Protocol(backfill="if absent"), (0,), {"backfill": True}, id="backfill brings a row back"),
    ],
)
def test_a_weaker_rule_is_found_out(protocol: Protocol, writes: tuple[int, ...], more: dict[str, bool]) -> None:
    """Each rule is needed: without it some order of steps ends with different stores and nothing owed."""
    found = explore(protocol, writes, **more).counterexample
    assert found is not None
    assert len(found) > 0
    sys.stdout.write(f"{len(found)} steps: {'; '.join(found)}\n")
