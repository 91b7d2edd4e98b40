"""A store from its URL."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from datalayer.errors import ConfigurationError
from datalayer.stores.contract import Store
from datalayer.telemetry import Observer

_MEMORY = ":memory:"
_FORMS = "postgresql://USER@HOST/DATABASE, sqlite:///FILE, supabase://HOST, supabase+http://HOST:PORT or files:///DIR"


async def open_store(
    url: str,
    *,
    key: str | None = None,
    create: bool = True,
    timeout: float = 5.0,
    observers: Sequence[Observer] = (),
) -> Store:
    """Open the store that a URL names; close it after use.

    Args:
        url: ``postgresql://…``; ``sqlite:///relative/file``, ``sqlite:////absolute/file`` or ``sqlite://:memory:``;
            ``supabase://HOST`` (https) or ``supabase+http://HOST:PORT`` (a local stack or a bare PostgREST);
            ``files:///relative/directory`` or ``files:////absolute/directory`` of JSON files, to read from.
        key: Supabase's service key; by default SUPABASE_SERVICE_ROLE_KEY or SUPABASE_KEY from the environment.
        create: whether a SQLite file that is missing is made.
        timeout: default deadline of a call in seconds.

    Raises:
        ConfigurationError: the URL has none of these forms, the key is missing, or a file that is not to be made.
    """
    scheme, separator, rest = url.partition("://")
    if not separator:
        raise ConfigurationError(f"a store is named by a URL: {_FORMS}")
    if scheme in {"postgresql", "postgres"}:
        from datalayer.stores.postgres import PostgresStore

        return await PostgresStore.open(url, timeout=timeout, observers=observers)
    if scheme == "sqlite":
        from datalayer.stores.sqlite import SqliteStore

        return await SqliteStore.open(_sqlite_path(rest), create=create, timeout=timeout, observers=observers)
    if scheme == "files":
        from datalayer.stores.files import FilesStore

        return await FilesStore.open_directory(Path(rest.removeprefix("/")), timeout=timeout, observers=observers)
    if scheme in {"supabase", "supabase+http"}:
        from datalayer.stores.supabase import SupabaseStore

        return await SupabaseStore.open(
            _http_url(scheme, url), key or _key_from_environment(), timeout=timeout, observers=observers
        )
    raise ConfigurationError(f"no store has URLs that begin with {scheme}://; known are {_FORMS}")


def sqlite_file(url: str) -> Path | None:
    """Return the file that a SQLite URL names; None for a database in memory and for other URLs.

    Raises:
        ConfigurationError: a SQLite URL that names no file.
    """
    scheme, _, rest = url.partition("://")
    path = _sqlite_path(rest) if scheme == "sqlite" else _MEMORY
    return None if path == _MEMORY else Path(path)


def is_in_memory(url: str) -> bool:
    """Whether a URL names a SQLite database in memory."""
    scheme, _, path = url.partition("://")
    return scheme == "sqlite" and path.removeprefix("/") == _MEMORY


def _sqlite_path(rest: str) -> str:
    if rest == _MEMORY:
        return rest
    if not rest.removeprefix("/"):
        raise ConfigurationError("the SQLite URL names no file; write sqlite:///FILE or sqlite:////ABSOLUTE/FILE")
    if not rest.startswith("/"):
        raise ConfigurationError(
            f"a SQLite URL has three slashes before a relative path and four before an absolute one:"
            f" write sqlite:///{rest}"
        )
    return rest.removeprefix("/")


def _http_url(scheme: str, url: str) -> str:
    parts = urlsplit(url)
    if not parts.hostname:
        raise ConfigurationError("the Supabase URL names no host; write supabase://PROJECT.supabase.co")
    if parts.query or parts.fragment:
        raise ConfigurationError(
            "the Supabase URL has a ? or a #, behind which nothing is read: set the key in SUPABASE_SERVICE_ROLE_KEY",
            variables=("SUPABASE_SERVICE_ROLE_KEY",),
        )
    return f"{'http' if scheme.endswith('+http') else 'https'}://{parts.netloc}{parts.path}".rstrip("/")


def _key_from_environment() -> str:
    key = os.environ.get("SUPABASE_SERVICE_ROLE_KEY") or os.environ.get("SUPABASE_KEY")
    if not key:
        raise ConfigurationError(
            "no key for Supabase; set SUPABASE_SERVICE_ROLE_KEY",
            variables=("SUPABASE_SERVICE_ROLE_KEY", "SUPABASE_KEY"),
        )
    return key
