"""Opening two stores: the primary must be there, the secondary may come later."""

from __future__ import annotations

from pathlib import Path

import pytest

from datalayer import ConfigurationError, DataLayer, DualHealth, GivenSettings, Mode, StoreKind, UnavailableError
from datalayer.migrations import apply
from datalayer.outbox.capture import sqlite as capture
from datalayer.stores.sqlite import SqliteStore

CLOSED = "127.0.0.1:1"


async def test_layer_opens_while_the_secondary_is_away(tmp_path: Path) -> None:
    """The application works, and health says which of the two is not there."""
    file = tmp_path / "salon.sqlite3"
    store = await SqliteStore.open(file)
    await apply(store)
    await capture.install(store)
    await store.close()
    settings = GivenSettings(
        datalayer_sqlite_path=file,
        database_url=f"postgresql://nobody@{CLOSED}/nowhere",
        enable_dual_write=True,
        datalayer_timeout_seconds=1,
    )
    async with DataLayer.open(settings) as layer:
        assert layer.mode == Mode(StoreKind.SQLITE, StoreKind.POSTGRES)
        await layer.upsert_company({"company_id": 1, "title": "Салон"})
        health = await layer.health_check()
    assert isinstance(health, DualHealth)
    assert (health.healthy, health.store) == (True, "sqlite")
    assert health.secondary is not None
    assert (health.secondary.healthy, health.secondary.store) == (False, "postgres")
    assert (health.entries, health.secondary.response_seconds, health.rivals) == (1, None, None)


async def test_layer_does_not_open_while_the_primary_is_away(tmp_path: Path) -> None:
    """The secondary does not take its place."""
    settings = GivenSettings(
        datalayer_sqlite_path=tmp_path / "salon.sqlite3",
        database_url=f"postgresql://nobody@{CLOSED}/nowhere",
        enable_dual_write=True,
        use_repository_pattern=True,
        datalayer_timeout_seconds=1,
    )
    with pytest.raises(UnavailableError):
        async with DataLayer.open(settings):
            pass
    assert not (tmp_path / "salon.sqlite3").exists()


async def test_layer_refuses_a_secondary_whose_schema_does_not_fit(tmp_path: Path, datalayer_database: str) -> None:
    """A secondary that is there and cannot be used is found at start, not by the relay at night."""
    settings = GivenSettings(
        datalayer_sqlite_path=tmp_path / "salon.sqlite3", database_url=datalayer_database, enable_dual_write=True
    )
    with pytest.raises(ConfigurationError, match="datalayer migrate up"):
        async with DataLayer.open(settings):
            pass
