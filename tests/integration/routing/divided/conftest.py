"""A pair of stores with a Supabase, which has the script or not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.integration.layer.places import PostgresPlace
from tests.integration.routing.salons import serving, supabase_pair

from datalayer.servers.postgrest import PostgrestServer
from datalayer.testing.servers import FoundServer


@pytest.fixture(scope="session")
async def supabase(datalayer_postgres: FoundServer, salon_template: str) -> AsyncIterator[PostgrestServer]:
    """Lend a Supabase with the script."""
    async with serving(datalayer_postgres, salon_template, script=True) as server:
        yield server


@pytest.fixture(scope="session")
async def bare(datalayer_postgres: FoundServer, salon_template: str) -> AsyncIterator[PostgrestServer]:
    """Lend a Supabase without the script."""
    async with serving(datalayer_postgres, salon_template, script=False) as server:
        yield server


@pytest.fixture
def short_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a move that cannot be made given up soon, and tried again soon: how long that takes is not what is shown."""
    monkeypatch.setattr("datalayer.layer.cohorts._HOLD_SECONDS", 2.0)
    monkeypatch.setattr("datalayer.layer.cohorts._PAUSE_SECONDS", 1.0)


@pytest.fixture
async def pair(supabase: PostgrestServer, postgres: PostgresPlace) -> dict[str, Any]:
    """Lend the settings that name both stores, Supabase being the main primary."""
    return await supabase_pair(supabase, postgres, datalayer_timeout_seconds=10)
