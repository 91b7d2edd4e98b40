"""Finds a PostgreSQL for tests: a DSN in the environment, else Docker where an engine answers, else the wheel."""

from __future__ import annotations

import importlib
import importlib.util
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import psycopg

from datalayer.errors import ConfigurationError
from datalayer.servers import databases
from datalayer.servers.postgres import THROWAWAY_SETTINGS, EmbeddedPostgres
from datalayer.servers.postgrest import PostgrestServer, find_postgrest_binary

DSN_VARIABLE: Final = "DATALAYER_TEST_DSN"
POSTGREST_VARIABLE: Final = "DATALAYER_REQUIRE_POSTGREST"
_DOCKER_IMAGE: Final = "postgres:18-alpine"
_DOCKER_SOCKET: Final = Path("/var/run/docker.sock")
_DOCKER_PING_SECONDS: Final = 2
_DOCKER_START_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class FoundServer:
    """A running PostgreSQL: ``dsn`` is its maintenance database, as a role that may create databases and roles."""

    dsn: str
    origin: Literal["environment", "docker", "embedded"]

    def create_database(self, name: str | None = None, *, template: str | None = None) -> str:
        """Create a database, under a fresh name unless given, and return its DSN."""
        return databases.create_database(self.dsn, name or fresh_name(), template=template)

    def drop_database(self, name: str) -> None:
        """Drop a database if it exists; whoever is connected to it is cut off."""
        databases.drop_database(self.dsn, name)

    @contextmanager
    def fresh_database(self, *, template: str | None = None) -> Iterator[str]:
        """Lend the DSN of a new database and drop it afterwards."""
        name = fresh_name()
        dsn = self.create_database(name, template=template)
        try:
            yield dsn
        finally:
            self.drop_database(name)

    @contextmanager
    def fresh_postgrest(self, script: str = "") -> Iterator[PostgrestServer]:
        """Lend a PostgREST before a new database, in which a script of SQL runs first; see `postgrest_for_tests`."""
        binary = postgrest_for_tests()
        with self.fresh_database() as dsn:
            with psycopg.connect(dsn, autocommit=True) as connection:
                connection.execute(script.encode())
            with PostgrestServer(dsn, binary=binary) as server:
                yield server


def fresh_name() -> str:
    """Return a database name that nobody has."""
    return f"datalayer_test_{secrets.token_hex(6)}"


@contextmanager
def postgres_for_tests() -> Iterator[FoundServer]:
    """Lend a PostgreSQL server; one that was started for this is stopped afterwards."""
    given = os.environ.get(DSN_VARIABLE)
    if given:
        if not given.startswith(("postgresql://", "postgres://")):
            raise ConfigurationError(f"{DSN_VARIABLE} must be a postgresql:// URL", variables=(DSN_VARIABLE,))
        yield FoundServer(given, "environment")
    elif docker_answers():
        with _docker_postgres() as dsn:
            yield FoundServer(dsn, "docker")
    else:
        with EmbeddedPostgres() as server:
            yield FoundServer(server.dsn, "embedded")


def postgrest_for_tests() -> Path:
    """Return PostgREST's binary; where npm cannot bring it skip the test, or fail it if the environment requires it."""
    import pytest

    binary = find_postgrest_binary()
    if binary is None:
        reason = "PostgREST is not available here; the log of datalayer.servers says why"
        if os.environ.get(POSTGREST_VARIABLE) == "true":
            pytest.fail(f"{reason}, and {POSTGREST_VARIABLE} is set", pytrace=False)
        pytest.skip(reason)
    return binary


def docker_answers() -> bool:
    """Whether testcontainers is installed and a Docker engine answers within two seconds."""
    if "DOCKER_HOST" not in os.environ and not _DOCKER_SOCKET.exists():
        return False
    if importlib.util.find_spec("testcontainers") is None:
        return False
    docker = importlib.import_module("docker")
    try:
        client = docker.from_env(timeout=_DOCKER_PING_SECONDS)
    except docker.errors.DockerException:
        return False
    try:
        return bool(client.ping())
    except (docker.errors.DockerException, OSError):
        return False
    finally:
        client.close()


@contextmanager
def _docker_postgres() -> Iterator[str]:
    from testcontainers.core.container import DockerContainer

    password = secrets.token_hex(16)
    settings = " ".join(f"-c {name}={value}" for name, value in THROWAWAY_SETTINGS.items())
    container = DockerContainer(_DOCKER_IMAGE).with_exposed_ports(5432).with_command(f"postgres {settings}")
    with container.with_env("POSTGRES_PASSWORD", password) as running:
        address = f"{running.get_container_host_ip()}:{running.get_exposed_port(5432)}"
        dsn = f"postgresql://postgres:{password}@{address}/postgres"
        _wait_until_it_answers(dsn)
        yield dsn


def _wait_until_it_answers(dsn: str) -> None:
    deadline = time.monotonic() + _DOCKER_START_SECONDS
    while True:
        try:
            psycopg.connect(dsn, connect_timeout=2).close()
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return
