"""What applications use instead: each peer opened as its documentation says, on ten connections."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import asyncpg
import httpx
from psycopg import AsyncConnection
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool
from sqlalchemy import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from supabase import AsyncClient, AsyncClientOptions
from yarl import URL

CONNECTIONS = 10

RawPool: TypeAlias = AsyncConnectionPool[AsyncConnection[dict[str, Any]]]
AsyncpgPool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
Sessions: TypeAlias = async_sessionmaker[AsyncSession]


@dataclass(frozen=True, slots=True)
class Peers:
    """Open pools.

    Args:
        raw: psycopg: autocommit, dict rows, statements prepared at first use.
        asyncpg: with JSON documents decoded, as every other peer does.
        engines: SQLAlchemy's, by driver.
        sessions: SQLAlchemy's, by driver.
        supabase: None without a PostgREST.
    """

    raw: RawPool
    asyncpg: AsyncpgPool
    engines: Mapping[str, AsyncEngine]
    sessions: Mapping[str, Sessions]
    supabase: AsyncClient | None


@asynccontextmanager
async def opened_peers(
    dsn: str, rest_url: str | None, rest_key: str | None, connections: int = CONNECTIONS
) -> AsyncIterator[Peers]:
    """Open every peer on the database, supabase-py where there is a REST interface."""
    async with AsyncExitStack() as stack:
        raw = await stack.enter_async_context(raw_pool(dsn, connections))
        pool = await stack.enter_async_context(
            asyncpg.create_pool(dsn, min_size=connections, max_size=connections, init=_decode_json)
        )
        engines = {driver: _engine(dsn, driver, connections) for driver in ("psycopg", "asyncpg")}
        for engine in engines.values():
            stack.push_async_callback(engine.dispose)
        sessions = {driver: async_sessionmaker(engine, expire_on_commit=False) for driver, engine in engines.items()}
        supabase = None
        if rest_url is not None and rest_key is not None:
            http = await stack.enter_async_context(_http_pool(connections))
            supabase = supabase_client(rest_url, rest_key, http)
        yield Peers(raw, pool, engines, sessions, supabase)


def raw_pool(dsn: str, connections: int = CONNECTIONS) -> RawPool:
    """Return psycopg's pool as the fastest way to use it, not opened yet."""
    return AsyncConnectionPool(
        dsn,
        kwargs={"autocommit": True, "row_factory": dict_row},
        min_size=connections,
        max_size=connections,
        timeout=60,
        open=False,
    )


def supabase_client(url: str, key: str, http: httpx.AsyncClient) -> AsyncClient:
    """Return supabase-py's client for a PostgREST at the root of its URL."""
    options = AsyncClientOptions(httpx_client=http, auto_refresh_token=False, persist_session=False)
    client = AsyncClient(url, key, options)
    client.rest_url = URL(url)
    return client


def _http_pool(connections: int) -> httpx.AsyncClient:
    limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
    return httpx.AsyncClient(limits=limits, timeout=120)


def _engine(dsn: str, driver: str, connections: int) -> AsyncEngine:
    url = make_url(dsn).set(drivername=f"postgresql+{driver}")
    return create_async_engine(url, pool_size=connections, max_overflow=0, pool_timeout=60)


async def _decode_json(connection: Any) -> None:
    await connection.set_type_codec("jsonb", encoder=json.dumps, decoder=json.loads, schema="pg_catalog")
