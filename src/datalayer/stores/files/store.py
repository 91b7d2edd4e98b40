"""Files read into a temporary SQLite file once, when the store is opened; from then on they are any other source."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from base64 import b64decode
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from functools import partial
from itertools import islice
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Self, TypeVar

from datalayer.errors import InvalidValueError, UnsupportedOperationError
from datalayer.stores.catalog import Column, Kind
from datalayer.stores.contract import Isolation
from datalayer.stores.denied import telling_what_is_denied
from datalayer.stores.files.layout import Source, find_sources
from datalayer.stores.files.types import SeenTypes
from datalayer.stores.sql_names import quote
from datalayer.stores.sqlite import SqliteStore
from datalayer.stores.sqlite.atomic import atomic
from datalayer.stores.sqlite.catalog import Facts, read_schema
from datalayer.stores.sqlite.transaction import SqliteTransaction
from datalayer.stores.sqlite.unfit import Unfit
from datalayer.stores.sqlite.worker import Worker
from datalayer.telemetry import Observer

T = TypeVar("T")

_CHUNK_ROWS = 1000


class FilesStore(SqliteStore):
    """A directory of JSON files, read-only. Open it with :meth:`open_directory`."""

    #: Where the copy is; set once, when the store is opened.
    _copy: Path

    @classmethod
    async def open_directory(cls, directory: Path, *, timeout: float = 5.0, observers: Sequence[Observer] = ()) -> Self:
        """Read every file; the temporary copy needs about as much room as they do, and goes with :meth:`close`.

        Raises:
            ConfigurationError: there is no such directory, or it is ambiguous.
            AccessDeniedError: it, or a file in it, must not be read.
            InvalidValueError: a record is not JSON, or not of its declared type; names file, record and column.
        """
        with telling_what_is_denied("connect"):
            return await cls._open_directory(directory, timeout, observers)

    @classmethod
    async def _open_directory(cls, directory: Path, timeout: float, observers: Sequence[Observer]) -> Self:
        sources = await asyncio.to_thread(find_sources, directory)
        copy = Path(await asyncio.to_thread(mkdtemp, prefix="datalayer-files-"))
        try:
            store = await cls.open(copy / "copy.sqlite", timeout=timeout, observers=observers)
            store._copy = copy
        except BaseException:
            await asyncio.to_thread(shutil.rmtree, copy)
            raise
        try:
            for source in sources:
                await SqliteStore.run(store, partial(_fill, source))
        except BaseException:
            await store.close()
            raise
        return store

    async def close(self) -> None:
        """Close every connection and take the copy away."""
        await super().close()
        await asyncio.to_thread(shutil.rmtree, self._copy, ignore_errors=True)

    async def run(self, fn: Callable[[sqlite3.Connection], T], *, timeout: float | None = None) -> T:
        """Refuse: what is written here would be gone."""
        raise _read_only()

    @asynccontextmanager
    async def _lend(self, *, writes: bool) -> AsyncIterator[Worker]:
        if writes:
            raise _read_only()
        async with super()._lend(writes=False) as reader:
            yield reader

    @asynccontextmanager
    async def _scope(
        self, *, isolation: Isolation | None, read_only: bool, timeout: float | None
    ) -> AsyncIterator[SqliteTransaction]:
        async with super()._scope(isolation=isolation, read_only=True, timeout=timeout) as transaction:
            yield transaction


def _read_only() -> UnsupportedOperationError:
    return UnsupportedOperationError("files", "writing", "write files with datalayer export")


def _fill(source: Source, connection: sqlite3.Connection) -> None:
    """Make a source's table, after a first look at all its records, and write them."""
    seen = SeenTypes()
    for _, record in source.records():
        seen.add(record)
    said = source.declaration
    columns = seen.columns(said.columns, () if said.file_name is None else (said.file_name,))
    unknown = [name for name in said.primary_key if name not in columns]
    if unknown:
        raise InvalidValueError(f"the primary key of {source.table} has {', '.join(unknown)}, which no record has")
    if not columns:
        return
    lines = [f"{quote(name)} {quote(declared)}" for name, declared in columns.items()]
    lines = [
        f"{line} not null" if name in said.primary_key else line for name, line in zip(columns, lines, strict=True)
    ]
    if said.primary_key:
        lines.append(f"primary key ({', '.join(map(quote, said.primary_key))})")
    with atomic(connection):
        connection.execute(f"create table {quote(source.table)} ({', '.join(lines)})")
        facts = read_schema(connection).facts[source.table]
        places = ", ".join("?" * len(columns))
        statement = f"insert into {quote(source.table)} values ({places})"
        for chunk in _sliced(_stored(source, facts), _CHUNK_ROWS):
            try:
                connection.executemany(statement, chunk)
            except sqlite3.IntegrityError:
                key = ", ".join(said.primary_key)
                raise InvalidValueError(f"{source.path} has two records with one {key}, or one without it") from None


def _stored(source: Source, facts: Facts) -> Iterator[list[Any]]:
    columns, said = facts.table.columns, source.declaration.columns
    for place, record in source.records():
        yield [_value(facts, column, record, place, said.get(column.name)) for column in columns]


def _value(facts: Facts, column: Column, record: Mapping[str, Any], place: str, said: str | None) -> Any:
    value = record.get(column.name)
    if value is None:
        return None
    try:
        if column.type.is_json:
            value = _document(value)
        elif column.type.kind is Kind.BYTEA:
            value = _bytes(value)
        elif column.type.kind is not Kind.BOOLEAN and isinstance(value, bool):
            raise Unfit("", "true and false are no values of it")
        return facts.codecs[column.name].write(value)
    except Unfit as unfit:
        declared = said or column.type.declared
        raise InvalidValueError(f"{place}: {column.name} is declared {declared}: {unfit.reason}") from None


def _document(value: Any) -> Any:
    """Bring the numbers of a document to floats, where none of their digits is lost."""
    if isinstance(value, Decimal):
        nearest = float(value)
        if Decimal(repr(nearest)) != value:
            raise Unfit("", "a number inside has more digits than a document keeps; write it as text")
        return nearest
    if isinstance(value, list):
        return [_document(element) for element in value]
    if isinstance(value, dict):
        return {name: _document(member) for name, member in value.items()}
    return value


def _bytes(value: Any) -> bytes:
    r"""Read bytes as PostgreSQL writes them, ``\x00ff``, or as base64."""
    try:
        if value.startswith("\\x"):
            return bytes.fromhex(value[2:])
        return b64decode(value.replace("-", "+").replace("_", "/"), validate=True)
    except (AttributeError, ValueError):
        raise Unfit("", "neither base64 nor hexadecimal behind \\x") from None


def _sliced(rows: Iterator[list[Any]], size: int) -> Iterator[list[list[Any]]]:
    while chunk := list(islice(rows, size)):
        yield chunk
