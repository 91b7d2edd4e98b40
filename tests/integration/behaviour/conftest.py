"""The behaviour suite: every test runs on three stores and a router over two of them, unless it names its stores.

PostgreSQL comes twice: as it is, and with every write of two rows and more going by COPY, as large ones do.

Servers start when the first test needs them and serve the whole run; tables are made once and emptied before each test.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.integration.behaviour.subjects import PostgresSubject, RoutedSubject, SqliteSubject, Subject, SupabaseSubject

from datalayer.stores.contract import Store
from datalayer.testing.servers import FoundServer


class Subjects:
    """Opens each subject once, whatever order the tests come in."""

    def __init__(self, request: pytest.FixtureRequest, directory: Path) -> None:
        self._request = request
        self._directory = directory
        self._opened: dict[str, Subject] = {}

    async def get(self, name: str) -> Subject:
        """Return the subject of that name, open."""
        if name not in self._opened:
            self._opened[name] = await self._open(name)
        return self._opened[name]

    async def _open(self, name: str) -> Subject:
        if name == "sqlite":
            return await SqliteSubject.open(self._directory)
        if name == "supabase":
            return await SupabaseSubject.open(self._request.getfixturevalue("datalayer_postgrest"))
        server: FoundServer = self._request.getfixturevalue("datalayer_postgres")
        if name == "routed":
            directory = self._request.getfixturevalue("tmp_path_factory").mktemp("routed")
            return await RoutedSubject.open(server.create_database(), directory)
        copy_rows = 2 if name == "postgres-copy" else None
        return await PostgresSubject.open(server.create_database(), copy_rows=copy_rows)

    async def close(self) -> None:
        """Close what was opened."""
        for subject in self._opened.values():
            await subject.close()


@pytest.fixture(scope="session")
async def subjects(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Subjects]:
    """Keep the opened subjects for the whole run."""
    opened = Subjects(request, tmp_path_factory.mktemp("behaviour"))
    yield opened
    await opened.close()


@pytest.fixture(scope="session", params=["sqlite", "postgres", "postgres-copy", "supabase", "routed"])
async def subject(request: pytest.FixtureRequest, subjects: Subjects) -> Subject:
    """Lend one store under test with its back door."""
    return await subjects.get(request.param)


@pytest.fixture(scope="session")
def store(subject: Subject) -> Store:
    """Lend the store under test."""
    return subject.store


@pytest.fixture(autouse=True)
async def _empty_tables(subject: Subject) -> None:
    await subject.empty()
