"""An empty database of each kind, and a directory for migration files."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from datalayer.stores.opening import open_store
from datalayer.stores.postgres import PostgresStore
from datalayer.stores.sqlite import SqliteStore

Migratable: TypeAlias = PostgresStore | SqliteStore
WriteFile: TypeAlias = Callable[[str, str], Path]


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """Name a SQLite file that does not exist yet."""
    return f"sqlite:///{tmp_path / 'own.sqlite3'}"


@pytest.fixture(params=["postgres", "sqlite"])
def url(request: pytest.FixtureRequest) -> str:
    """Name an empty database of each kind in turn."""
    found: str = request.getfixturevalue("datalayer_database" if request.param == "postgres" else "sqlite_url")
    return found


@pytest.fixture
async def store(url: str) -> AsyncIterator[Migratable]:
    """Open the empty database."""
    opened = await open_store(url)
    assert isinstance(opened, PostgresStore | SqliteStore)
    yield opened
    await opened.close()


@pytest.fixture
async def sqlite(sqlite_url: str) -> AsyncIterator[SqliteStore]:
    """Open an empty SQLite file."""
    opened = await open_store(sqlite_url)
    assert isinstance(opened, SqliteStore)
    yield opened
    await opened.close()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Make an empty directory for migration files."""
    path = tmp_path / "migrations"
    path.mkdir()
    return path


@pytest.fixture
def write_file(directory: Path) -> WriteFile:
    """Write a migration file and return its path."""

    def write(name: str, text: str) -> Path:
        path = directory / name
        path.write_text(text)
        return path

    return write
