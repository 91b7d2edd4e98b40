"""Reloading: checked first, refused when unsound, and nobody's call is lost."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
from openfeature import api
from openfeature.provider.in_memory_provider import InMemoryFlag, InMemoryProvider
from tests.integration.layer.places import PostgresPlace
from tests.integration.routing.waiting import until

from datalayer import ConfigurationError, DataLayer, GivenSettings, Settings, StoreKind
from datalayer.layer.openfeature import OpenFeatureSource

CLIENT = {"yclients_id": 1, "company_id": 1, "phone": "+79990000001"}


async def no_connections(dsn: str, name: str) -> bool:
    """Whether a pool has closed, by the name that it gives itself."""
    query = "select count(*) from pg_stat_activity where application_name = %s and datname = current_database()"
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        cursor = await connection.execute(query, [name])
        row = await cursor.fetchone()
    assert row is not None
    return int(row[0]) == 0


async def test_reload_under_load_loses_no_call(postgres: PostgresPlace) -> None:
    """Callers read and write without a pause while the pool is replaced several times, and see no error."""
    stop = asyncio.Event()
    goals: list[int] = []
    written = 0

    async with DataLayer.open(postgres.settings()) as layer:

        async def work(company: int) -> None:
            nonlocal written
            while not stop.is_set():
                await layer.upsert_client({**CLIENT, "company_id": company, "yclients_id": written + 1})
                written += 1
                async with layer.transaction() as tx:
                    await tx.clients.count(company_id=company)
                assert await layer.clients.count(company_id=company) > 0

        callers = [asyncio.create_task(work(company)) for company in range(1, 5)]
        for size in (2, 3, 5):
            settings = GivenSettings(database_url=postgres.dsn, postgres_max_connections=size)
            await layer.reload(settings)
            goals.append(written + 20)
            await until(lambda: written >= goals[-1])
        stop.set()
        await asyncio.gather(*callers)
        assert await layer.clients.count() == len(
            {(row.company_id, row.yclients_id) for row in await layer.clients.list(limit=1000)}
        )


async def test_call_under_way_ends_in_the_old_store(postgres: PostgresPlace) -> None:
    """A transaction that began before commits where it began; its pool closes only then."""
    old = f"{postgres.dsn}{'&' if '?' in postgres.dsn else '?'}application_name=old_pool"
    async with DataLayer.open(GivenSettings(database_url=old, postgres_max_connections=2)) as layer:
        async with layer.transaction() as tx:
            await tx.upsert_client(CLIENT)
            await layer.reload(GivenSettings(database_url=postgres.dsn))
            assert await layer.clients.count() == 0
            assert not await no_connections(postgres.dsn, "old_pool")
        await until(lambda: no_connections(postgres.dsn, "old_pool"))
        assert await layer.clients.count() == 1


@pytest.mark.parametrize(
    ("change", "variable"),
    [
        ({"use_legacy_supabase": True}, "SUPABASE_URL"),
        ({"datalayer_routes": {"cleints": "postgres"}}, "DATALAYER_ROUTE_CLEINTS"),
        ({"database_url": "postgresql://127.0.0.1:1/elsewhere"}, "DATABASE_URL"),
    ],
)
async def test_unsound_reload_leaves_everything_as_it_was(
    postgres: PostgresPlace, change: Mapping[str, Any], variable: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The error names the variable, the log tells of it, and callers go on under the old mode."""
    async with DataLayer.open(postgres.settings()) as layer:
        store = layer.store
        with pytest.raises(ConfigurationError) as caught:
            await layer.reload(GivenSettings(**{"database_url": postgres.dsn, **change}))
        assert caught.value.variables[0] == variable
        assert layer.store is store
        await layer.upsert_client(CLIENT)
    assert any("reload refused" in message for message in caplog.messages)


async def test_reload_refuses_a_primary_that_has_not_followed(postgres: PostgresPlace, tmp_path: Path) -> None:
    """From SQLite to PostgreSQL without dual-write the rows would be gone: the message says what comes first."""
    async with DataLayer.open(GivenSettings(datalayer_sqlite_path=tmp_path / "salon.sqlite3")) as layer:
        await layer.upsert_client(CLIENT)
        with pytest.raises(ConfigurationError, match="ENABLE_DUAL_WRITE=true first"):
            await layer.reload(postgres.settings())
        assert layer.mode.primary is StoreKind.SQLITE
        assert await layer.clients.count() == 1


async def test_reload_names_what_has_changed(postgres: PostgresPlace, caplog: pytest.LogCaptureFixture) -> None:
    """One line in the log: the mode and the names of variables, never values."""
    async with DataLayer.open(postgres.settings()) as layer:
        caplog.set_level(logging.INFO, "datalayer")
        await layer.reload(postgres.settings(test_phone="79990000000"))
    (line,) = [message for message in caplog.messages if message.startswith("reloaded")]
    assert line == "reloaded: mode postgres, changed TEST_PHONE"


async def test_sighup_reloads_from_the_environment(
    postgres: PostgresPlace, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The signal does what reload() does, a refusal is logged, and after the block the signal is nobody's."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("DATABASE_URL", postgres.dsn)
    caplog.set_level(logging.INFO, "datalayer")
    async with DataLayer.open(reload_on_sighup=True) as layer:
        store = layer.store
        monkeypatch.setenv("USE_LEGACY_SUPABASE", "true")
        os.kill(os.getpid(), signal.SIGHUP)
        await logged(caplog, "reload refused")
        assert layer.store is store
        monkeypatch.setenv("USE_LEGACY_SUPABASE", "false")
        os.kill(os.getpid(), signal.SIGHUP)
        await logged(caplog, "reloaded")
        assert layer.store is not store
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_DFL


async def test_flags_come_from_an_openfeature_provider(postgres: PostgresPlace, tmp_path: Path) -> None:
    """A flag that the provider has wins over the settings, one that it lacks does not; an error of its is no answer."""
    flags = {
        "use_repository_pattern": flag(True),
        "datalayer_shadow_reads": flag(0.25),
        "enable_dual_write": flag(True),
    }
    api.set_provider(InMemoryProvider(flags), "datalayer-test")
    given = partial(GivenSettings, database_url=postgres.dsn, datalayer_sqlite_path=tmp_path / "salon.sqlite3")
    source = OpenFeatureSource(api.get_client("datalayer-test"), given)
    settings = await source()
    assert settings.use_repository_pattern is True
    assert settings.use_legacy_supabase is None
    assert settings.datalayer_shadow_reads == 0.25
    api.set_provider(InMemoryProvider({"use_repository_pattern": flag("yes")}), "datalayer-test")
    with pytest.raises(ConfigurationError, match="use_repository_pattern cannot be read"):
        await source()


async def test_reload_asks_the_source_again(postgres: PostgresPlace) -> None:
    """The source that the layer was opened with decides, whatever the environment says."""
    asked = [postgres.settings(), postgres.settings(test_phone="79990000000")]

    async def source() -> Settings:
        return asked.pop(0)

    async with DataLayer.open(source=source) as layer:
        await layer.reload()
        assert asked == []
        assert await layer.clients.count() == 0


def flag(value: object) -> InMemoryFlag[object]:
    """Make a flag that always has this value."""
    return InMemoryFlag("on", {"on": value})


async def logged(caplog: pytest.LogCaptureFixture, start: str) -> None:
    """Wait for a line in the log."""
    await until(lambda: any(message.startswith(start) for message in caplog.messages))
