"""Companies of a cohort: settings that name them, and where they are."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from pydantic import SecretStr
from tests.integration.forking import run_command
from tests.integration.routing.salons import postgres_of

from datalayer import (
    DataLayer,
    GivenSettings,
    Settings,
    open_store,
)
from datalayer.models import Booking
from datalayer.query import Count, where_equal


def cohort(pair: dict[str, Any], *companies: str, **more: Any) -> Settings:
    """Make settings with these companies in PostgreSQL."""
    return GivenSettings(**pair, datalayer_cohort_companies=companies, **more)


async def there(pair: dict[str, Any], table: str, **equal: Any) -> int:
    """Count rows in PostgreSQL, whatever the layer would ask."""
    store = await open_store(pair["database_url"])
    try:
        return await store.count(Count(table, where_equal(**equal) if equal else None))
    finally:
        await store.close()


async def book(layer: DataLayer, company: int) -> Booking:
    """Have a company a booking."""
    return await layer.bookings.upsert(
        {"yclients_record_id": company, "company_id": company, "datetime": "2026-03-02T10:00:00"}
    )


async def remind(layer: DataLayer, company: int, *, days: Sequence[int] = (2,)) -> None:
    """Have a company a booking with reminders, which do not say themselves whose they are."""
    booking = await book(layer, company)
    for day in days:
        await layer.reminders.insert({"booking_id": booking.id, "remind_at": f"2026-03-0{day}T09:00:00"})


async def lose(dsn: str, *statements: str) -> None:
    """Change a store's rows without a trace."""
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        await connection.execute("set local datalayer.applying = 'on'")
        for statement in statements:
            await connection.execute(statement.encode())


async def placements(pair: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what PostgreSQL knows of companies: each one with its store."""
    async with postgres_of(pair) as store:
        return [(row["company"], row["store"]) for row in await store.fetch_all("select * from datalayer_cohorts")]


async def command(environment: Mapping[str, str], *arguments: str) -> tuple[int, str]:
    """Run a command; return its exit code, and what it printed."""
    done = await asyncio.to_thread(run_command, *arguments, env=environment)
    return done.returncode, done.stdout or done.stderr


def environment_of(settings: Settings) -> dict[str, str]:
    """Return the variables that stand for these settings, and those of this process."""
    given = {name.upper(): getattr(settings, name) for name in settings.model_fields_set}
    given |= {name: value.get_secret_value() for name, value in given.items() if isinstance(value, SecretStr)}
    return {**os.environ} | {n: ",".join(v) if isinstance(v, tuple) else str(v) for n, v in given.items()}
