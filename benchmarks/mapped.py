"""The measured table as SQLAlchemy and advanced-alchemy map it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from advanced_alchemy.repository import SQLAlchemyAsyncRepository
from sqlalchemy import BigInteger, DateTime, Identity, Numeric, Text, UniqueConstraint, func
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, Insert, insert
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from benchmarks.table import KEY


class Base(DeclarativeBase):
    """Where the mapping is kept."""


class ClientColumns:
    """Columns of the measured table."""

    __table_args__ = (UniqueConstraint(*KEY),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    company_id: Mapped[int]
    yclients_id: Mapped[int] = mapped_column(BigInteger)
    name: Mapped[str | None] = mapped_column(Text)
    phone: Mapped[str | None] = mapped_column(Text)
    email: Mapped[str | None] = mapped_column(Text)
    discount: Mapped[Decimal | None] = mapped_column(Numeric(5, 2))
    visits: Mapped[int | None]
    spent: Mapped[Decimal | None] = mapped_column(Numeric(12, 2))
    tags: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    meta: Mapped[Any | None] = mapped_column(JSONB)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class MappedClient(ClientColumns, Base):
    """A row of the table that most scenarios ask."""

    __tablename__ = "clients"


class MappedBulkClient(ClientColumns, Base):
    """A row of the table that bulk upserts write to."""

    __tablename__ = "clients_bulk"


class ClientsRepository(SQLAlchemyAsyncRepository[MappedClient]):
    """advanced-alchemy's repository of the first."""

    model_type = MappedClient


class BulkClientsRepository(SQLAlchemyAsyncRepository[MappedBulkClient]):
    """advanced-alchemy's repository of the second."""

    model_type = MappedBulkClient


CLIENTS = Base.metadata.tables["clients"]
BULK_CLIENTS = Base.metadata.tables["clients_bulk"]


def upsert(into: type[Base], columns: Sequence[str]) -> Insert:
    """Return an upsert by the natural key; its rows come as parameters."""
    statement = insert(into)
    changed = {name: statement.excluded[name] for name in columns if name not in KEY}
    return statement.on_conflict_do_update(index_elements=KEY, set_=changed)
