"""psycopg and pydantic, put together by hand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

from pydantic import BaseModel

from benchmarks.clients import raw


class Client(BaseModel):
    """A row of the measured table."""

    id: int
    company_id: int
    yclients_id: int
    name: str | None = None
    phone: str | None = None
    email: str | None = None
    discount: Decimal | None = None
    visits: int | None = None
    spent: Decimal | None = None
    tags: list[str | None] | None = None
    meta: Any = None
    created_at: datetime
    updated_at: datetime


async def first_row(dsn: str) -> Client:
    """Open a pool and read a row."""
    return Client.model_validate(await raw.first_row(dsn))


async def read_all(dsn: str, table: str, use: Callable[[Any], None]) -> None:
    """Validate each dict of a cursor on the server."""
    await raw.read_all(dsn, table, lambda row: use(Client.model_validate(row)))
