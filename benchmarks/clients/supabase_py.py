"""supabase-py: its address has the key as the URL's fragment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from supabase import AsyncClient, AsyncClientOptions
from yarl import URL

_PAGE_ROWS = 1000


async def first_row(address: str) -> Any:
    """Make a client and read a row."""
    return (await _client(address).table("clients").select("*").eq("id", 7).execute()).data[0]


async def read_all(address: str, table: str, use: Callable[[Any], None]) -> None:
    """Read dicts in pages of what Supabase allows by default, each after the last row of the one before."""
    client, last = _client(address), 0
    while True:
        rows: Any = (await client.table(table).select("*").gt("id", last).order("id").limit(_PAGE_ROWS).execute()).data
        for row in rows:
            use(row)
        if len(rows) < _PAGE_ROWS:
            return
        last = rows[-1]["id"]


def _client(address: str) -> AsyncClient:
    url, _, key = address.partition("#")
    client = AsyncClient(url, key, AsyncClientOptions(auto_refresh_token=False, persist_session=False))
    client.rest_url = URL(url)
    return client
