"""SQLite stores on a file and in memory, closed after each test, and a way to make tables behind their back."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from datalayer.stores.sqlite import SqliteStore

Define: TypeAlias = Callable[[str], None]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Name the file of the test's database."""
    return tmp_path / "some file #1?.sqlite3"


@pytest.fixture
def define(path: Path) -> Define:
    """Run SQL on the file with a connection of its own, as another program would."""

    def run(sql: str) -> None:
        connection = sqlite3.connect(path)
        try:
            connection.executescript(sql)
        finally:
            connection.close()

    return run


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteStore]:
    """Open a store on the file."""
    opened = await SqliteStore.open(path)
    yield opened
    await opened.close()


@pytest.fixture
async def memory() -> AsyncIterator[SqliteStore]:
    """Open a store in memory."""
    opened = await SqliteStore.open(":memory:")
    yield opened
    await opened.close()


@pytest.fixture(params=["file", "memory"])
def either(request: pytest.FixtureRequest, store: SqliteStore, memory: SqliteStore) -> SqliteStore:
    """Lend both in turn."""
    return store if request.param == "file" else memory
