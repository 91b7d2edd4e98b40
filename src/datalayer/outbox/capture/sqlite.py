"""Capture inside of SQLite: the script, triggers on each table, what is there, and how it goes away."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from datalayer.errors import ConfigurationError
from datalayer.outbox.capture.sqlite_triggers import TRIGGER_PREFIX, trigger_statements
from datalayer.outbox.capture.status import CaptureStatus, Installed, status_from
from datalayer.outbox.scripts import read_script
from datalayer.outbox.tables import (
    CONTROL,
    LEDGER,
    MARKS,
    OPERATIONS,
    OUTBOX,
    PINS,
    SCRIPT,
    followed,
    is_bookkeeping,
    unusable,
)
from datalayer.query import Update
from datalayer.stores.catalog import Catalog, Table
from datalayer.stores.sql_names import quote
from datalayer.stores.sqlite import SqliteStore
from datalayer.stores.sqlite.atomic import atomic

#: The switch that tells of applied rows stays: the salon's own triggers ask it.
_DROPPED: Final = (CONTROL, OUTBOX, MARKS, LEDGER, OPERATIONS, PINS)


async def install(store: SqliteStore, tables: Iterable[str] | None = None) -> Installed:
    """Make the bookkeeping and arm the tables in one transaction; may be run again at any time.

    Args:
        tables: None for all that have a usable key. Tables whose triggers are outdated get new ones in any case.

    Raises:
        SelectionError: a named table is not there, or cannot be followed.
        ConfigurationError: the file has a newer script.
    """
    catalog = await store.catalog(refresh=True)
    named = {table.name for table in followed(catalog, None if tables is None else list(tables))}

    def run(connection: sqlite3.Connection) -> list[str]:
        _refuse_newer(connection)
        with atomic(connection):
            for statement in _statements(read_script("outbox/sqlite.sql")):
                connection.execute(statement)
            wanted = named | _triggers_by_table(connection).keys()
            return [table.name for table in followed(catalog) if table.name in wanted and _arm(connection, table)]

    armed = await store.run(run)
    return Installed(tuple(armed), await status(store))


async def uninstall(store: SqliteStore) -> bool:
    """Take away triggers and bookkeeping, entries included; False where nothing was there."""

    def run(connection: sqlite3.Connection) -> bool:
        if not _is_installed(connection):
            return False
        with atomic(connection):
            for name, _, _ in _capture_triggers(connection):
                connection.execute(f"drop trigger {quote(name)}")
            for table in _DROPPED:
                connection.execute(f"drop table if exists {table}")
        return True

    gone = await store.run(run)
    await store.catalog(refresh=True)
    return gone


async def status(store: SqliteStore) -> CaptureStatus:
    """Say what is installed; changes nothing."""
    catalog = await store.catalog(refresh=True)
    answer = await store.read(lambda connection: _answer(connection, catalog))
    return status_from(answer, catalog)


async def fence(store: SqliteStore, *, timeout: float | None = None) -> None:
    """Refuse writes to the armed tables from now on; SQLite has one writer, so no older one is left."""
    await store.update(Update(CONTROL, {"fenced": True}, every_row=True), timeout=timeout)


async def unfence(store: SqliteStore, *, timeout: float | None = None) -> None:
    """Let writes happen again."""
    await store.update(Update(CONTROL, {"fenced": False}, every_row=True), timeout=timeout)


def _arm(connection: sqlite3.Connection, table: Table) -> bool:
    wanted = trigger_statements(table)
    present = _triggers_by_table(connection).get(table.name, {})
    if present == wanted:
        return False
    for name in present:
        connection.execute(f"drop trigger {quote(name)}")
    for statement in wanted.values():
        connection.execute(statement)
    return True


def _answer(connection: sqlite3.Connection, catalog: Catalog) -> Mapping[str, Any] | None:
    if not _is_installed(connection):
        return None
    identity, fenced, script = connection.execute(f"select id, fenced, script from {CONTROL}").fetchone()
    entries, dead = connection.execute(f"select count(*) - count(dead_at), count(dead_at) from {OUTBOX}").fetchone()
    present = _triggers_by_table(connection)
    usable = {
        name: table
        for name, table in sorted(catalog.tables.items())
        if not is_bookkeeping(name) and unusable(table) is None
    }
    armed = [name for name, table in usable.items() if present.get(name) == trigger_statements(table)]
    return {
        "id": identity,
        "fenced": fenced,
        "script": script,
        "entries": entries,
        "dead": dead,
        "armed": armed,
        "outdated": sorted(present.keys() - set(armed)),
        "interfering": [
            {"table": table, "trigger": trigger}
            for trigger, table, text in _triggers(connection)
            if table in usable and not trigger.startswith(TRIGGER_PREFIX) and "datalayer_applying" not in text
        ],
    }


def _refuse_newer(connection: sqlite3.Connection) -> None:
    if not _is_installed(connection):
        return
    (script,) = connection.execute(f"select script from {CONTROL}").fetchone()
    if script > SCRIPT:
        raise ConfigurationError(
            f"the database has version {script} of the outbox's script, this package has {SCRIPT}; upgrade the package"
        )


def _is_installed(connection: sqlite3.Connection) -> bool:
    query = "select count(*) from sqlite_master where type = 'table' and name = ?"
    return bool(connection.execute(query, (CONTROL,)).fetchone()[0])


def _triggers(connection: sqlite3.Connection) -> list[tuple[str, str, str]]:
    query = "select name, tbl_name, sql from sqlite_master where type = 'trigger' order by tbl_name, name"
    return [(name, table, text) for name, table, text in connection.execute(query)]


def _capture_triggers(connection: sqlite3.Connection) -> list[tuple[str, str, str]]:
    return [found for found in _triggers(connection) if found[0].startswith(TRIGGER_PREFIX)]


def _triggers_by_table(connection: sqlite3.Connection) -> dict[str, dict[str, str]]:
    by_table: dict[str, dict[str, str]] = {}
    for name, table, text in _capture_triggers(connection):
        by_table.setdefault(table, {})[name] = text.replace("CREATE TRIGGER", "create trigger", 1)
    return by_table


def _statements(script: str) -> Iterator[str]:
    """Cut a script into statements, as executescript would without its commit."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
