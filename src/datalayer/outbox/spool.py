"""A journal on this machine's disk, for the time in which the PostgreSQL that follows is away."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import time
from typing import Any, Self, TypeVar
from uuid import UUID

from datalayer.errors import ConfigurationError
from datalayer.outbox.operations import Operation
from datalayer.stores.sqlite import SqliteStore
from datalayer.stores.sqlite.atomic import atomic

T = TypeVar("T")

_OPERATIONS = """
create table if not exists operations (
    id text primary key, aggregatetype text not null, target text not null, keys text, request_seconds real not null,
    resolved integer not null default 0, marks text, sweep integer not null default 0,
    begun real
)
"""
_PRIMARY = 'create table if not exists belongs_to ("only" integer primary key check ("only" = 1), url text not null)'


@dataclass(frozen=True, slots=True)
class Spooled:
    """An operation on the spool. ``marks`` is None while it is open."""

    operation: Operation
    marks: tuple[str, ...] | None
    sweep: bool


class Spool:
    """Operations in an SQLite file; what `begin` has written survives a crash of the machine."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store

    @classmethod
    async def open(cls, path: Path, primary: str, *, timeout: float = 5.0) -> Self:
        """Open or create the file, for its owner's eyes: keys are in it. Several processes may share it.

        Args:
            primary: URL of the project whose writes it is for.

        Raises:
            ConfigurationError: it is for the writes of another project.
        """
        await asyncio.to_thread(path.touch, mode=0o600)
        store = await SqliteStore.open(path, timeout=timeout)
        spool = cls(store)
        try:
            whose = await spool._run(lambda connection: _claimed(connection, primary))
            if whose != primary:
                raise ConfigurationError(
                    f"the spool {path} belongs to {whose}, and the primary is {primary}: name another file in"
                    " DATALAYER_SPOOL_PATH. What it holds is handed over by an application with that primary",
                    variables=("DATALAYER_SPOOL_PATH", "SUPABASE_URL"),
                )
        except BaseException:
            await store.close()
            raise
        return spool

    async def close(self) -> None:
        """Close the file."""
        await self._store.close()

    async def begin(self, operation: Operation) -> None:
        """Write an operation to the disk, and wait until it is there; again, where its time has become longer."""
        keys = None if operation.keys is None else json.dumps(operation.keys)
        target = json.dumps(operation.columns)
        values = (str(operation.id), operation.table, target, keys, operation.request_seconds, time())

        def write(connection: sqlite3.Connection) -> None:
            # In WAL mode only FULL waits for the disk at each commit (SQLite manual, "PRAGMA synchronous").
            connection.execute("pragma synchronous = full")
            connection.execute(
                "insert into operations (id, aggregatetype, target, keys, request_seconds, begun)"
                " values (?, ?, ?, ?, ?, ?)"
                " on conflict (id) do update set request_seconds = max(request_seconds, excluded.request_seconds)",
                values,
            )

        await self._run(write)

    async def resolve(self, operation: Operation, marks: Sequence[str], *, sweep: bool) -> None:
        """Note what an operation's answer said. Should a crash take the note, the operation is still there as open."""
        values = (
            str(operation.id),
            operation.table,
            json.dumps(operation.columns),
            json.dumps(list(marks)),
            int(sweep),
            time(),
        )

        def write(connection: sqlite3.Connection) -> None:
            connection.execute("pragma synchronous = normal")
            connection.execute(
                "insert into operations (id, aggregatetype, target, request_seconds, resolved, marks, sweep, begun)"
                " values (?, ?, ?, 0, 1, ?, ?, ?)"
                " on conflict (id) do update set resolved = 1, marks = excluded.marks, sweep = excluded.sweep",
                values,
            )

        await self._run(write)

    async def some(self, limit: int = 500) -> list[Spooled]:
        """Return operations, the oldest first."""
        rows = await self._run(
            lambda connection: connection.execute(
                "select id, aggregatetype, target, keys, request_seconds, resolved, marks, sweep from operations"
                " order by rowid limit ?",
                (limit,),
            ).fetchall()
        )
        return [_spooled(row) for row in rows]

    async def forget(self, spooled: Spooled) -> None:
        """Drop an operation that PostgreSQL has now, unless its answer has come meanwhile."""
        values = (str(spooled.operation.id), int(spooled.marks is not None))
        await self._run(
            lambda connection: connection.execute(
                "delete from operations where id = ? and resolved = ?", values
            ).close()
        )

    async def count(self) -> int:
        """Return how many operations wait here."""
        found = await self._run(lambda connection: connection.execute("select count(*) from operations").fetchone())
        return int(found[0])

    async def oldest_seconds(self) -> float:
        """Return how long the oldest operation has been here; 0 where there is none."""
        found = await self._run(lambda connection: connection.execute("select min(begun) from operations").fetchone())
        return 0.0 if found[0] is None else max(time() - float(found[0]), 0.0)

    async def _run(self, job: Callable[[sqlite3.Connection], T]) -> T:
        return await self._store.run(job)


@asynccontextmanager
async def own_spool(path: Path, primary: str) -> AsyncIterator[Spool | None]:
    """Lend this machine's spool for the writes to a project; None where there is none, or it is another project's."""
    if not await asyncio.to_thread(path.exists):
        yield None
        return
    try:
        spool = await Spool.open(path, primary)
    except ConfigurationError:
        yield None
        return
    try:
        yield spool
    finally:
        await spool.close()


def _claimed(connection: sqlite3.Connection, primary: str) -> str:
    """Make the tables where there are none, and return whose they are."""
    with atomic(connection):
        connection.execute(_OPERATIONS)
        if not any(name == "begun" for _, name, *_ in connection.execute("pragma table_info(operations)")):
            # A file of an older package.
            connection.execute("alter table operations add column begun real")
            connection.execute("update operations set begun = ?", (time(),))
        connection.execute(_PRIMARY)
        connection.execute('insert or ignore into belongs_to ("only", url) values (1, ?)', (primary,))
    (url,) = connection.execute("select url from belongs_to").fetchone()
    return str(url)


def _spooled(row: Sequence[Any]) -> Spooled:
    identity, table, target, keys, request_seconds, resolved, marks, sweep = row
    known = None if keys is None else tuple(json.loads(keys))
    operation = Operation(UUID(identity), table, tuple(json.loads(target)), known, request_seconds)
    return Spooled(operation, tuple(json.loads(marks)) if resolved else None, bool(sweep))
