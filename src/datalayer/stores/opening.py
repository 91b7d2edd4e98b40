"""A store from its URL."""

from __future__ import annotations

import os
from collections.abc import Sequence
from urllib.parse import urlsplit

from datalayer.errors import ConfigurationError
from datalayer.stores.contract import Store
from datalayer.telemetry import Observer

_FORMS = "postgresql://USER@HOST/DATABASE, sqlite:///FILE, supabase://HOST or supabase+http://HOST:PORT"


async def open_store(
    url: str, *, key: str | None = None, timeout: float = 5.0, observers: Sequence[Observer] = ()
) -> Store:
    """Open the store that a URL names; close it after use.

    Args:
        url: ``postgresql://…``; ``sqlite:///relative/file``, ``sqlite:////absolute/file`` or ``sqlite://:memory:``;
            ``supabase://HOST`` (https) or ``supabase+http://HOST:PORT`` (a local stack or a bare PostgREST).
        key: Supabase's service key; by default SUPABASE_SERVICE_ROLE_KEY or SUPABASE_KEY from the environment.
        timeout: default deadline of a call in seconds.

    Raises:
        ConfigurationError: the URL has none of these forms, or the key is missing.
    """
    scheme, separator, rest = url.partition("://")
    if not separator:
        raise ConfigurationError(f"a store is named by a URL: {_FORMS}")
    if scheme in {"postgresql", "postgres"}:
        from datalayer.stores.postgres import PostgresStore

        return await PostgresStore.open(url, timeout=timeout, observers=observers)
    if scheme == "sqlite":
        from datalayer.stores.sqlite import SqliteStore

        return await SqliteStore.open(_sqlite_path(rest), timeout=timeout, observers=observers)
    if scheme in {"supabase", "supabase+http"}:
        from datalayer.stores.supabase import SupabaseStore

        return await SupabaseStore.open(
            _http_url(scheme, url), key or _key_from_environment(), timeout=timeout, observers=observers
        )
    raise ConfigurationError(f"no store has URLs that begin with {scheme}://; known are {_FORMS}")


def _sqlite_path(rest: str) -> str:
    path = rest if rest == ":memory:" else rest.removeprefix("/")
    if not path:
        raise ConfigurationError("the SQLite URL names no file; write sqlite:///FILE or sqlite:////ABSOLUTE/FILE")
    return path


def _http_url(scheme: str, url: str) -> str:
    parts = urlsplit(url)
    if not parts.hostname:
        raise ConfigurationError("the Supabase URL names no host; write supabase://PROJECT.supabase.co")
    return f"{'http' if scheme.endswith('+http') else 'https'}://{parts.netloc}{parts.path}".rstrip("/")


def _key_from_environment() -> str:
    key = os.environ.get("SUPABASE_SERVICE_ROLE_KEY") or os.environ.get("SUPABASE_KEY")
    if not key:
        raise ConfigurationError(
            "no key for Supabase; set SUPABASE_SERVICE_ROLE_KEY",
            variables=("SUPABASE_SERVICE_ROLE_KEY", "SUPABASE_KEY"),
        )
    return key
