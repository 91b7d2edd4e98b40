"""A throwaway PostgREST before a PostgreSQL database: what Supabase's REST interface is made of."""

from __future__ import annotations

import hashlib
import os
import secrets
import socket
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final

import psycopg
from psycopg import conninfo, sql

from datalayer.errors import ConfigurationError
from datalayer.servers.guardian import Guardian
from datalayer.servers.npm import find_postgrest_binary
from datalayer.servers.tokens import signed_key

__all__ = ["PostgrestServer", "find_postgrest_binary"]

_LOGIN_ROLE: Final = "datalayer_authenticator"
_READY_LINES: Final = ("Listening on port", "Listening for notifications", "Schema cache loaded")
_RELOAD_LINES: Final = ("Attempting to connect", "Schema cache loaded")
_ATTEMPTS: Final = 3


class PostgrestServer:
    """PostgREST on a free local port, with Supabase's roles: ``anon`` (no rights) and ``service_role`` (all).

    Args:
        dsn: the database to serve; a role that may create roles.
        max_rows: the server's cap on rows per answer; Supabase's default is 1,000.
        binary: PostgREST; found by :func:`find_postgrest_binary` when not given.
        start_timeout: seconds until it must be ready.
    """

    def __init__(
        self, dsn: str, *, max_rows: int = 1000, binary: Path | None = None, start_timeout: float = 20.0
    ) -> None:
        self.dsn = dsn
        self._max_rows = max_rows
        self._binary = binary
        self._start_timeout = start_timeout
        self._secret = secrets.token_urlsafe(48)
        self._port = 0
        self._process: subprocess.Popen[str] | None = None
        self._guardian: Guardian | None = None
        self._log: _Log | None = None

    def start(self) -> PostgrestServer:
        """Create roles and grants where missing, start the server, wait until it answers, and return it."""
        binary = self._binary or find_postgrest_binary()
        if binary is None:
            raise ConfigurationError("PostgREST is not available; the log says why")
        password = _login_password(self.dsn)
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            _create_roles(connection, password)
        for attempt in range(1, _ATTEMPTS + 1):
            if self._launch(binary, password):
                return self
            self.stop()
            if attempt == _ATTEMPTS:
                break
        raise ConfigurationError("PostgREST did not get ready; does the database accept its login role?")

    def stop(self) -> None:
        """Stop the server; may be called twice."""
        process, self._process = self._process, None
        guardian, self._guardian = self._guardian, None
        if process is not None:
            process.terminate()
            process.wait()
        if self._log is not None:
            self._log.close()
        if guardian is not None:
            guardian.release()

    def kill(self) -> None:
        """End the server in the middle of whatever it does, as a crash would; :meth:`restart` brings it back."""
        if self._process is not None:
            self._process.kill()
        self.stop()

    def restart(self) -> None:
        """Start the server again at the address that it had."""
        binary = self._binary or find_postgrest_binary()
        if binary is None or not self._launch(binary, _login_password(self.dsn), self._port):
            raise ConfigurationError("PostgREST did not get ready; is its port free?")

    @property
    def url(self) -> str:
        """Where it answers; the REST interface is at the root, not under ``/rest/v1``."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def service_key(self) -> str:
        """Key with all rights on the public schema, row security set aside."""
        return signed_key("service_role", self._secret)

    @property
    def anon_key(self) -> str:
        """Key of a role that may use the schema but has no right on its tables."""
        return signed_key("anon", self._secret)

    def reload_schema(self, *, timeout: float = 20.0) -> None:
        """Make the server see changed tables; returns when it does."""
        log = self._log
        if log is None:
            raise ConfigurationError("PostgREST is not running; use it as a context manager")
        seen = log.position
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            connection.execute("notify pgrst, 'reload schema'")
        if not log.wait(lambda lines: _in_turn(lines[seen:], _RELOAD_LINES), timeout):
            raise ConfigurationError("PostgREST did not reload its schema in time")

    def __enter__(self) -> PostgrestServer:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _launch(self, binary: Path, password: str, port: int | None = None) -> bool:
        """Start the process; False when it ended or stayed mute, for example since its port was taken meanwhile."""
        self._port = port or _free_port()
        environment = {
            "PATH": os.environ.get("PATH", ""),
            "PGRST_DB_URI": conninfo.make_conninfo(self.dsn, user=_LOGIN_ROLE, password=password),
            "PGRST_DB_SCHEMAS": "public",
            "PGRST_DB_ANON_ROLE": "anon",
            "PGRST_DB_MAX_ROWS": str(self._max_rows),
            "PGRST_JWT_SECRET": self._secret,
            "PGRST_SERVER_HOST": "127.0.0.1",
            "PGRST_SERVER_PORT": str(self._port),
        }
        self._process = subprocess.Popen(  # noqa: S603 - the binary found or given
            [str(binary)],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._guardian = Guardian(self._process.pid)
        self._log = _Log(self._process)
        ready = self._log.wait(
            lambda lines: all(any(wanted in line for line in lines) for wanted in _READY_LINES), self._start_timeout
        )
        return ready and self._process.poll() is None


class _Log:
    """Reads the server's log in a thread, since the log alone tells when a schema reload is done."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._stream = process.stderr
        self._lines: list[str] = []
        self._ended = False
        self._changed = threading.Condition()  # guards the two above
        self._thread = threading.Thread(target=self._read, name="postgrest-log", daemon=True)
        self._thread.start()

    @property
    def position(self) -> int:
        with self._changed:
            return len(self._lines)

    def wait(self, done: Callable[[list[str]], bool], timeout: float) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._ended or done(self._lines), timeout)
            return done(self._lines)

    def close(self) -> None:
        self._thread.join()
        if self._stream is not None:
            self._stream.close()

    def _read(self) -> None:
        for line in self._stream or ():
            with self._changed:
                self._lines.append(line)
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()


def _in_turn(lines: list[str], wanted: tuple[str, ...]) -> bool:
    remaining = iter(lines)
    return all(any(part in line for line in remaining) for part in wanted)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _login_password(dsn: str) -> str:
    """Derive the login role's password, so that several servers on one cluster agree on it without a store for it."""
    secret = conninfo.conninfo_to_dict(dsn).get("password") or "trust"
    return hashlib.sha256(f"{_LOGIN_ROLE}:{secret}".encode()).hexdigest()


def _create_roles(connection: psycopg.Connection, password: str) -> None:
    """Create what is missing. Roles belong to the whole cluster: another process may create them at the same time."""
    login, anon, service = (sql.Identifier(name) for name in (_LOGIN_ROLE, "anon", "service_role"))
    for statement in (
        sql.SQL("create role {} login noinherit password {}").format(login, sql.Literal(password)),
        sql.SQL("create role {} nologin").format(anon),
        sql.SQL("create role {} nologin bypassrls").format(service),
        sql.SQL("grant {}, {} to {}").format(anon, service, login),
    ):
        try:
            connection.execute(statement)
        except (psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation):
            continue
    for template in (
        "grant usage on schema public to anon, service_role",
        "grant all on all tables in schema public to service_role",
        "grant all on all sequences in schema public to service_role",
        "grant all on all routines in schema public to service_role",
        "alter default privileges in schema public grant all on tables to service_role",
        "alter default privileges in schema public grant all on sequences to service_role",
        "alter default privileges in schema public grant all on routines to service_role",
    ):
        connection.execute(sql.SQL(template))
