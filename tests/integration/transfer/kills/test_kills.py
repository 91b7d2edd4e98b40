"""Moves that are killed at any moment and run again by the same command end equal; `nox -s kills` makes many runs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.transfer.kills.campaign import make_runs
from tests.integration.transfer.kills.moves import Move, prepared_moves

from datalayer.testing.servers import FoundServer


@pytest.fixture(scope="module")
def moves(datalayer_postgres: FoundServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Move]]:
    """Lend every move with its source."""
    with prepared_moves(datalayer_postgres, tmp_path_factory.mktemp("sources"), 20_000) as prepared:
        yield prepared


@pytest.mark.timeout(300)
@pytest.mark.parametrize("place", range(5))
async def test_killed_move_ends_equal(
    moves: list[Move], place: int, datalayer_postgres: FoundServer, tmp_path: Path
) -> None:
    """Rows, references, sequences and leftovers are those of a move that nobody killed."""
    chosen = [moves[place]]
    made = await asyncio.to_thread(make_runs, chosen, datalayer_postgres, tmp_path, runs=1, seed=1, hits=2)
    assert [run for run in made if run.unequal] == []
    assert sum(kill.inside for run in made for kill in run.kills) >= 2
