"""The measured table as an application sees it: a model and a repository."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from pydantic import BaseModel

from benchmarks.table import KEY
from datalayer import BaseRepository


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


class Clients(BaseRepository[Client]):
    """The measured repository."""

    model = Client
    table = "clients"
    key = KEY


def clients_in(name: str) -> type[Clients]:
    """Return the repository of the same rows in another table."""
    return type("Clients", (Clients,), {"table": name})
