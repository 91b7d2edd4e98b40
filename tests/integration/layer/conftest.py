"""Layers over SQLite, PostgreSQL and Supabase (PostgREST) with empty tables and a clock that tests drive."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.integration.layer.places import Place, PostgresPlace, SqlitePlace, SupabasePlace

from datalayer import DataLayer
from datalayer.testing.servers import FoundServer


class DrivenClock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        """Tell the present."""
        return self.now

    @property
    def naive(self) -> datetime:
        """The present as columns without time zone keep it."""
        return self.now.replace(tzinfo=None)

    def move(self, **by: float) -> None:
        """Let time pass."""
        self.now += timedelta(**by)


class Places:
    """Prepares each place once, whatever order the tests come in."""

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self._request = request
        self._prepared: dict[str, Place] = {}

    async def get(self, name: str, directory: Path) -> Place:
        """Return the place of that name."""
        if name == "sqlite":
            return SqlitePlace(directory / "layer.sqlite3")
        if name not in self._prepared:
            self._prepared[name] = await self._prepare(name)
        return self._prepared[name]

    async def _prepare(self, name: str) -> Place:
        if name == "supabase":
            return await SupabasePlace.prepare(self._request.getfixturevalue("datalayer_postgrest"))
        server: FoundServer = self._request.getfixturevalue("datalayer_postgres")
        return await PostgresPlace.prepare(server.create_database())


@pytest.fixture(scope="session")
def places(request: pytest.FixtureRequest) -> Places:
    """Keep the prepared places for the whole run."""
    return Places(request)


@pytest.fixture(params=["sqlite", "postgres", "supabase"])
async def place(request: pytest.FixtureRequest, places: Places, tmp_path: Path) -> Place:
    """Lend each place in turn, empty."""
    found = await places.get(request.param, tmp_path)
    await found.empty()
    return found


@pytest.fixture
async def postgres_place(places: Places, tmp_path: Path) -> Place:
    """Lend the PostgreSQL place, empty."""
    found = await places.get("postgres", tmp_path)
    await found.empty()
    return found


@pytest.fixture
def clock() -> DrivenClock:
    """Make a clock."""
    return DrivenClock()


@pytest.fixture
async def layer(place: Place, clock: DrivenClock) -> AsyncIterator[DataLayer]:
    """Lend a layer in each place in turn."""
    async with DataLayer.open(place.settings(), clock=clock) as opened:
        yield opened


@pytest.fixture
async def embedded_layer(places: Places, tmp_path: Path, clock: DrivenClock) -> AsyncIterator[DataLayer]:
    """Lend a layer over SQLite, for what is refused before any store is asked."""
    place = await places.get("sqlite", tmp_path)
    async with DataLayer.open(place.settings(), clock=clock) as opened:
        yield opened
