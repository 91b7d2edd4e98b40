"""The store that follows, as long as it is not there."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from datalayer.errors import UnavailableError
from datalayer.routing.late_store import LateStore
from datalayer.stores.contract import Store
from datalayer.stores.sqlite import SqliteStore


async def test_a_secondary_that_was_missed_is_said_to_be_back(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Who was told that it is away is told once that it is there."""
    file = tmp_path / "there" / "late.sqlite3"

    async def opener() -> Store:
        if not file.parent.exists():
            raise UnavailableError("it is away", store="sqlite", operation="open")
        return await SqliteStore.open(file)

    late = LateStore("sqlite", opener)
    caplog.set_level(logging.INFO, logger="datalayer")
    assert await late.try_now() is None
    file.parent.mkdir()
    try:
        await late.get()
        await late.get()
    finally:
        await late.close()
    assert caplog.messages == [
        "the secondary (sqlite) is away and is tried again: UnavailableError",
        "the secondary (sqlite) is back",
    ]
