"""The way from a URL and a key to a client: where the REST interface lives, and whether the key opens it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import httpx
from pydantic_core import from_json
from supabase import AsyncClient, AsyncClientOptions
from yarl import URL

from datalayer.errors import ConfigurationError, StoreError, UnknownTableError
from datalayer.stores.catalog import Catalog
from datalayer.stores.supabase import quoting
from datalayer.stores.supabase.errors import STORE, Call
from datalayer.stores.supabase.transport import Deadline, Request, Transport

#: Where Supabase keeps PostgREST; a bare PostgREST is at the root.
_PATHS: Final = ("/rest/v1", "")
_URL = re.compile(r"https?://[^/?#\s]+")


async def open_client(
    url: str, key: str, http: httpx.AsyncClient, transport: Transport, deadline: Deadline
) -> tuple[AsyncClient, Mapping[str, Any]]:
    """Return supabase-py's client, pointed at the REST interface, and the interface's description.

    Raises:
        AccessDeniedError: the server refused the key.
        UnavailableError: the server cannot be reached.
        ConfigurationError: the URL or the key is malformed, or something else answers there.
    """
    root = _checked_url(url)
    headers = _key_headers(key)
    for path in _PATHS:
        try:
            document = await read_description(root + path, headers, transport, deadline, attempts=1)
        except UnknownTableError:
            continue
        except StoreError as error:
            raise _as_open(error) from None
        return _supabase_client(root, path, key, http), document
    raise ConfigurationError(f"there is no REST interface at {root}", variables=("SUPABASE_URL",))


async def read_description(
    rest_url: str, headers: httpx.Headers, transport: Transport, deadline: Deadline, *, attempts: int = 4
) -> Mapping[str, Any]:
    """Return PostgREST's OpenAPI document."""
    request = Request("GET", f"{rest_url.rstrip('/')}/", headers)
    response = await transport.send(request, Call("catalog"), deadline, attempts=attempts)
    try:
        document = from_json(response.content)
    except ValueError:
        document = None
    if not isinstance(document, dict) or "paths" not in document:
        raise ConfigurationError(f"what answers at {rest_url} is not a PostgREST", variables=("SUPABASE_URL",))
    return document


def health_request(client: AsyncClient, catalog: Catalog) -> Request:
    """Build a cheap request: no rows of the first table, or the interface's head where there is no table."""
    table = next(iter(catalog.tables.values()), None)
    if table is None:
        return Request("HEAD", f"{str(client.rest_url).rstrip('/')}/", client.postgrest.headers.copy())
    config = client.table(table.name).select("*").request
    query = quoting.query_string([("select", quoting.name(table.columns[0].name)), ("limit", "0")])
    return Request("GET", f"{config.path}?{query}", config.headers)


def _checked_url(url: str) -> str:
    found = _URL.match(url.strip())
    if found is None:
        raise ConfigurationError(
            "the Supabase URL must be https://HOST or http://HOST:PORT", variables=("SUPABASE_URL",)
        )
    if "@" in found[0]:
        raise ConfigurationError(
            "the Supabase URL must have no user and no password: the key is set in SUPABASE_SERVICE_ROLE_KEY",
            variables=("SUPABASE_URL", "SUPABASE_SERVICE_ROLE_KEY"),
        )
    try:
        URL(found[0])
    except ValueError:
        raise ConfigurationError(
            "the Supabase URL has a port that is none; write a whole number up to 65535", variables=("SUPABASE_URL",)
        ) from None
    return found[0]


def _key_headers(key: str) -> httpx.Headers:
    if not key or not key.isascii() or not key.isprintable():
        raise ConfigurationError(
            "the Supabase key is missing or has characters that no key has",
            variables=("SUPABASE_SERVICE_ROLE_KEY", "SUPABASE_KEY"),
        )
    return httpx.Headers({"apikey": key, "Authorization": f"Bearer {key}"})


def _supabase_client(root: str, path: str, key: str, http: httpx.AsyncClient) -> AsyncClient:
    """Build supabase-py's client on our HTTP pool: no session, no token refresh, no repeats, no realtime."""
    options = AsyncClientOptions(
        httpx_client=http, postgrest_client_retry=False, auto_refresh_token=False, persist_session=False
    )
    client = AsyncClient(root, key, options)
    client.rest_url = URL(root + (path or "/"))
    return client


def _as_open(error: StoreError) -> StoreError:
    return type(error)(error.message, store=STORE, operation="open", sqlstate=error.sqlstate, hint=error.hint)
