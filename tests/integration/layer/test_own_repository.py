"""A user's own repository: a model and a class of a few lines, on every store and inside transactions."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated

import pytest
from tests.integration.layer.conftest import Places

from datalayer import BaseRepository, DataLayer, InvalidValueError, OnWrite, RowModel, Scope, UniqueViolationError, asc
from datalayer.migrations import apply

FILE = {
    "postgres": "create table visits (id serial primary key, guest varchar not null unique, score integer);",
    "sqlite": "create table visits (id integer primary key, guest text not null unique, score integer);",
}


def _positive(score: int) -> int:
    if score <= 0:
        raise ValueError("must be positive")
    return score


class Visit(RowModel):
    """A visit."""

    id: int | None = None
    guest: str
    score: Annotated[int, OnWrite(_positive)] | None = None


class VisitRepository(BaseRepository[Visit]):
    """Visits by guest."""

    model = Visit
    table = "visits"
    key = ("guest",)
    order = (asc("guest"),)

    async def best(self) -> Visit | None:
        """Return a visit with full marks."""
        return await self.find(score=5)


@pytest.fixture(params=["sqlite", "postgres"])
async def layer(request: pytest.FixtureRequest, places: Places, tmp_path: Path) -> AsyncIterator[DataLayer]:
    """Lend a layer with the user's own table beside the library's."""
    place = await places.get(request.param, tmp_path)
    directory = tmp_path / "own"
    directory.mkdir()
    (directory / "0001_visits.sql").write_text(FILE[request.param])
    async with DataLayer.open(place.settings()) as opened:
        await apply(opened.store, directory)
        yield opened
        await opened.repository(VisitRepository).delete(every_row=True)


async def insert_twice(scope: Scope) -> None:
    """Break a unique key inside a savepoint."""
    async with scope.transaction() as tx:
        visits = tx.repository(VisitRepository)
        await visits.insert(Visit(guest="Яна"))
        await visits.insert(Visit(guest="Яна"))


async def test_own_repository_reads_and_writes(layer: DataLayer) -> None:
    """Rows are the user's model, and the natural key is the conflict target."""
    visits = layer.repository(VisitRepository)
    await visits.upsert_many([Visit(guest="Яна", score=3), Visit(guest="Анна", score=4)])
    stored = await visits.upsert(Visit(guest="Яна", score=5))
    assert await visits.best() == stored
    assert [row.guest for row in await visits.list()] == ["Анна", "Яна"]


async def test_own_repository_holds_its_rules(layer: DataLayer) -> None:
    """A rule for writing is applied before anything is sent."""
    with pytest.raises(InvalidValueError, match="score: must be positive"):
        await layer.repository(VisitRepository).insert({"guest": "Яна", "score": 0})


async def test_own_repository_takes_part_in_a_transaction(layer: DataLayer) -> None:
    """The transaction lends the user's repositories as it lends the library's."""
    async with layer.transaction() as tx:
        with pytest.raises(UniqueViolationError):
            await insert_twice(tx)
    assert await layer.repository(VisitRepository).count() == 0
