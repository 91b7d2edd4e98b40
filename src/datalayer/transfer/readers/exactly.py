"""Values read exactly.

PostgreSQL's so that none is refused and each is written in one way, whatever the server is set to; documents, also of
SQLite, so that no number in them loses a digit; SQLite's moments so that no fraction of a second is cut.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from typing import Any, Final

import psycopg
from psycopg import AsyncConnection, abc
from psycopg.adapt import Loader
from psycopg.pq import Format

from datalayer.query import Row
from datalayer.stores.catalog import JSON_KINDS, Kind
from datalayer.stores.contract import Session, Store
from datalayer.stores.postgres.session import PostgresSession
from datalayer.stores.sqlite.by_value import ValueAsker
from datalayer.stores.sqlite.codecs import Codec
from datalayer.stores.sqlite.decode import DECODERS, Decoder, array
from datalayer.stores.sqlite.transaction import SqliteTransaction
from datalayer.transfer.exact_documents import exact_document
from datalayer.transfer.odd_moments import OddMoment

#: Text forms that every version, with any settings, reads back as the same value. Where row level security hides rows
#: from the role, the server refuses instead of leaving them out.
_FORMS: Final = (
    b"set local extra_float_digits = 3; set local datestyle = 'ISO'; set local intervalstyle = 'postgres';"
    b" set local bytea_output = 'hex'; set local client_encoding = 'UTF8'; set local row_security = off"
)

_MOMENTS: Final = tuple(psycopg.adapters.types[name].oid for name in ("date", "time", "timestamp", "timestamptz"))
TIMES: Final = frozenset({Kind.TIME, Kind.TIMESTAMP, Kind.TIMESTAMPTZ})
_FINER: Final = re.compile(r"[.,]\d{6}0*[1-9]")
_DOCUMENTS: Final = tuple(psycopg.adapters.types[name].oid for name in ("json", "jsonb"))


@cache
def _keeping(usual: type[abc.Loader]) -> type[Loader]:
    """Return what reads as the usual loader does, and keeps the text of what that refuses."""

    class Keeping(Loader):
        def __init__(self, oid: int, context: abc.AdaptContext | None = None) -> None:
            super().__init__(oid, context)
            self._usual = usual(oid, context)

        def load(self, data: abc.Buffer) -> Any:
            try:
                return self._usual.load(data)
            except psycopg.DataError:
                return OddMoment(bytes(data).decode())

    return Keeping


class _ExactDocument(Loader):
    def load(self, data: abc.Buffer) -> Any:
        return exact_document(bytes(data).decode())


@asynccontextmanager
async def exactly(connection: AsyncConnection[Row]) -> AsyncIterator[None]:
    """Read so over a block, which is inside a transaction."""
    await connection.execute(_FORMS)
    adapters = connection.adapters
    oids = (*_MOMENTS, *_DOCUMENTS)
    usual = {oid: loader for oid in oids if (loader := adapters.get_loader(oid, Format.TEXT)) is not None}
    for oid, loader in usual.items():
        adapters.register_loader(oid, _ExactDocument if oid in _DOCUMENTS else _keeping(loader))
    try:
        yield
    finally:
        for oid, loader in usual.items():
            adapters.register_loader(oid, loader)


def reading(codec: Codec) -> Decoder:
    """Return what reads stored values of SQLite so: documents and moments are read otherwise than the store does."""
    kind = codec.column.type.kind
    read = _document if kind in JSON_KINDS else _whole_moment(DECODERS[kind]) if kind in TIMES else None
    if read is None:
        return codec.read
    return array(kind, read) if codec.column.type.array else read


def is_finer(stored: Any) -> bool:
    """Whether a stored moment has a fraction that Python cuts: it keeps microseconds, as PostgreSQL does."""
    return type(stored) is str and _FINER.search(stored) is not None


def _whole_moment(read: Decoder) -> Decoder:
    def whole(stored: Any) -> Any:
        if is_finer(stored):
            raise ValueError
        return read(stored)

    return whole


def _document(stored: Any) -> Any:
    return exact_document(stored) if type(stored) is str else DECODERS[Kind.JSON](stored)


@asynccontextmanager
async def value_session(
    store: Store, asker: ValueAsker | None = None, *, timeout: float | None = None
) -> AsyncIterator[SqliteTransaction]:
    """Lend a snapshot of SQLite that reads so, and compares by value what others have spelt otherwise.

    Args:
        asker: one that knows the columns from an earlier session.
    """
    async with store.transaction(read_only=True, timeout=timeout) as session:
        if not isinstance(session, SqliteTransaction):
            raise TypeError(f"a {type(session).__name__} is no transaction of SQLite")
        session.ask_by_value(asker or ValueAsker(reading))
        yield session


@asynccontextmanager
async def exact_session(store: Store, *, timeout: float | None = None) -> AsyncIterator[Session]:
    """Lend a session that reads so, and finds rows by the values of their keys: a snapshot, except over REST."""
    if store.name == "sqlite":
        async with value_session(store, timeout=timeout) as session:
            yield session
        return
    if store.name != "postgres":
        yield store
        return
    async with store.transaction(isolation="repeatable read", read_only=True, timeout=timeout) as session:
        if not isinstance(session, PostgresSession):
            raise TypeError(f"a {type(session).__name__} is no session of PostgreSQL")
        async with session.connection() as connection, exactly(connection):
            yield session
