"""advanced-alchemy on psycopg."""

from __future__ import annotations

from sqlalchemy import make_url
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from benchmarks.mapped import ClientsRepository, MappedClient


async def first_row(dsn: str) -> MappedClient:
    """Open an engine and read a row."""
    engine = create_async_engine(make_url(dsn).set(drivername="postgresql+psycopg"))
    async with AsyncSession(engine) as session:
        row = await ClientsRepository(session=session).get_one(id=7)
    await engine.dispose()
    return row
