"""The protocol with capture by triggers: what holds, and what every weaker rule would lose."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from tests.model.triggers import Protocol, explore

SOUND = Protocol()


@pytest.mark.parametrize("writes", [(2, 0), (0, 2), (2, 3)])
def test_relays_end_equal(writes: tuple[int, ...]) -> None:
    """Two relays, slow and dying ones among them, never leave the stores different."""
    assert explore(SOUND, writes).counterexample is None


def test_three_writers_end_equal() -> None:
    """A third writer changes nothing about that."""
    assert explore(SOUND, (2, 0, 3), zombies=1, deaths=1).counterexample is None


@pytest.mark.parametrize("writes", [(2,), (0,)])
def test_marks_end_equal(writes: tuple[int, ...]) -> None:
    """Marks of keys that are being written lose no write, whoever comes first."""
    assert explore(SOUND, writes, markers=1).counterexample is None


@pytest.mark.parametrize("writes", [(2,), (0,), (0, 2)])
def test_backfill_ends_equal(writes: tuple[int, ...]) -> None:
    """A backfill below every version neither overwrites what is newer nor brings a deleted row back."""
    assert explore(SOUND, writes, backfill=True, zombies=1, deaths=1).counterexample is None


def test_backfill_beside_marks_ends_equal() -> None:
    """Nor does it beside a mark of the same key."""
    assert explore(SOUND, (0,), markers=1, backfill=True, zombies=1, deaths=1).counterexample is None


@pytest.mark.parametrize(
    ("protocol", "writes", "more"),
    [
        pytest.param(Protocol(guard=False), (2, 0), {}, id="no guard: a slow apply lands over a newer one"),
        pytest.param(Protocol(read="before"), (2, 3), {}, id="read before the entries are seen"),
        pytest.param(Protocol(settle="all"), (2, 3), {}, id="settle what was not seen"),
        pytest.param(Protocol(marks="of the sequence"), (2,), {"markers": 1}, id="marks outrank a write under way"),
        pytest.param(Protocol(backfill="blind"), (2,), {"backfill": True}, id="backfill overwrites"),
        pytest.param(Protocol(backfill="if absent"), (0,), {"backfill": True}, id="backfill brings a row back"),
    ],
)
def test_a_weaker_rule_is_found_out(protocol: Protocol, writes: tuple[int, ...], more: dict[str, Any]) -> None:
    """Each rule is needed: without it some order of steps ends with different stores and nothing owed."""
    found = explore(protocol, writes, **more).counterexample
    assert found is not None
    assert len(found) > 0
    sys.stdout.write(f"{len(found)} steps: {'; '.join(found)}\n")
