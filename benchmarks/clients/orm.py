"""SQLAlchemy's ORM on psycopg."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, DateTime, Numeric, Text, make_url, select
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

_CHUNK_ROWS = 1000


class Base(DeclarativeBase):
    """Where the mapping is kept."""


class ClientColumns:
    """Columns of the measured table; advanced-alchemy would be imported with the mapping of the other scenarios."""

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
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
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class MappedClient(ClientColumns, Base):
    """A row."""

    __tablename__ = "clients"


async def first_row(dsn: str) -> MappedClient:
    """Open an engine and read a row."""
    engine = _engine(dsn)
    async with AsyncSession(engine) as session:
        row = (await session.scalars(select(MappedClient).where(MappedClient.id == 7))).one()
    await engine.dispose()
    return row


async def read_all(dsn: str, table: str, use: Callable[[Any], None]) -> None:
    """Stream mapped rows."""
    mapped: type[MappedClient] = type("Mapped", (ClientColumns, Base), {"__tablename__": table})
    engine = _engine(dsn)
    question = select(mapped).execution_options(yield_per=_CHUNK_ROWS)
    async with AsyncSession(engine) as session:
        async for row in await session.stream_scalars(question):
            use(row)
    await engine.dispose()


def _engine(dsn: str) -> AsyncEngine:
    return create_async_engine(make_url(dsn).set(drivername="postgresql+psycopg"))
