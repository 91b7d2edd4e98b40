"""The Supabase store: the verbs of the store contract over PostgREST."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from time import perf_counter
from typing import Any, Self

from pydantic_core import from_json
from supabase import AsyncClient

from datalayer.errors import (
    DataLayerError,
    InvalidValueError,
    MissingConflictTargetError,
    UnsupportedOperationError,
    WritesHeldError,
)
from datalayer.query import Count, Delete, Insert, Row, Select, Update, Upsert, Written
from datalayer.stores.catalog import Catalog, Table
from datalayer.stores.checks import check_change, check_rows, check_select
from datalayer.stores.contract import Health, Isolation, Session, StoreName
from datalayer.stores.supabase import reads, values
from datalayer.stores.supabase.catalog import read_catalog
from datalayer.stores.supabase.errors import STORE, Call
from datalayer.stores.supabase.exchange import Exchange
from datalayer.stores.supabase.opening import health_request, open_client
from datalayer.stores.supabase.paging import LOWEST_CAP
from datalayer.stores.supabase.transport import Deadline, Request, Transport, new_client
from datalayer.stores.supabase.writes import Writer
from datalayer.telemetry import Observer


class SupabaseStore:
    """Supabase, or any PostgREST. Open it with :meth:`open`, close it with :meth:`close`.

    What PostgREST cannot do, and so this store: transactions over several calls, and writing the JSON document
    ``null``. The server's row cap must be at least 100. Answers of several pages are no snapshot; on a table without a
    primary key rows deleted while they are read can hide others.
    """

    name: StoreName = "supabase"

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    @classmethod
    async def open(
        cls, url: str, key: str, *, timeout: float = 10.0, page_rows: int = 1000, observers: Sequence[Observer] = ()
    ) -> Self:
        """Connect, find the REST interface (at /rest/v1 or at /), read the schema, and fail at once where impossible.

        Args:
            url: ``https://HOST`` or ``http://HOST:PORT``.
            key: the service role's key, or one with rights on the tables.
            timeout: default deadline of a call in seconds, repeats included.
            page_rows: rows to ask for at a time, at least 100; the server may answer with fewer.
            observers: who hears of each call.

        Raises:
            ConfigurationError: the URL or the key is malformed, or something else answers there.
            AccessDeniedError: the server refused the key.
            UnavailableError: the server cannot be reached.
        """
        if page_rows < LOWEST_CAP:
            raise InvalidValueError(f"must be at least {LOWEST_CAP}", field="page_rows")
        http = new_client()
        transport = Transport(http)
        try:
            client, document = await open_client(url, key, http, transport, Deadline(timeout))
            catalog = read_catalog(document)
        except BaseException:
            await transport.close()
            raise
        return cls(Exchange(client, transport, catalog, timeout=timeout, page_rows=page_rows, observers=observers))

    @property
    def client(self) -> AsyncClient:
        """supabase-py's client on the store's HTTP pool, for what the store itself cannot say; not ours to close."""
        return self._exchange.client

    async def select(self, question: Select, *, timeout: float | None = None) -> list[Row]:
        """Return the rows that match, all of them when the question has no limit."""
        call, deadline = Call("select", question.table), self._exchange.deadline(timeout)
        with self._exchange.observed(call) as outcome:
            table = await self._exchange.table(call, deadline, lambda t: check_select(question, t, store=STORE))
            rows = await reads.select(self._exchange, question, call, table, deadline)
            outcome.rows = len(rows)
            return rows

    async def count(self, question: Count, *, timeout: float | None = None) -> int:
        """Return how many rows match."""
        call, deadline = Call("count", question.table), self._exchange.deadline(timeout)
        asked = Select(question.table, question.where)
        with self._exchange.observed(call) as outcome:
            table = await self._exchange.table(
                call, deadline, lambda t: check_select(asked, t, store=STORE, operation="count")
            )
            outcome.rows = await reads.count(self._exchange, question.where, call, table, deadline)
            return outcome.rows

    async def insert(self, question: Insert, *, timeout: float | None = None) -> Written:
        """Insert all rows or none, up to 5,000 rows or 4 MB; a larger batch is all or nothing per such chunk."""
        call = Call("insert", question.table, writes=True)
        return await self._write(question, call, timeout)

    async def upsert(self, question: Upsert, *, timeout: float | None = None) -> Written:
        """Insert or update rows; all or nothing per group of rows with the same columns.

        Rows that lack a required column of the table are updated one by one, once all of them are known to be stored.
        """
        call = Call("upsert", question.table, writes=True, target=question.target)
        return await self._write(question, call, timeout)

    async def update(self, question: Update, *, timeout: float | None = None) -> Written:
        """Change the rows that match."""
        return await self._write(question, Call("update", question.table, writes=True), timeout)

    async def delete(self, question: Delete, *, timeout: float | None = None) -> Written:
        """Delete the rows that match."""
        return await self._write(question, Call("delete", question.table, writes=True), timeout)

    async def stream(self, question: Select, *, chunk_rows: int = 1000) -> AsyncIterator[Row]:
        """Yield any number of rows, ``chunk_rows`` (at least 100) in memory at a time; the timeout is each page's."""
        call = Call("stream", question.table)
        with self._exchange.observed(call) as outcome:
            table = await self._exchange.table(
                call, self._exchange.deadline(None), lambda t: check_select(question, t, store=STORE)
            )
            async for page in reads.stream(self._exchange, question, call, table, max(chunk_rows, LOWEST_CAP)):
                for row in page:
                    outcome.rows += 1
                    yield row

    def transaction(
        self, *, isolation: Isolation | None = None, read_only: bool = False, timeout: float | None = None
    ) -> AbstractAsyncContextManager[Session]:
        """Raise UnsupportedOperationError: a PostgREST transaction ends with its request."""
        raise UnsupportedOperationError(
            STORE,
            "transactions over several calls",
            "write a batch with one upsert, call an SQL function through PostgREST, or use the PostgreSQL store",
        )

    async def check_conflict_target(self, table: str, columns: Sequence[str]) -> bool:
        """Whether the columns are a unique key, and so a conflict target; asked by an upsert of no rows."""
        target = tuple(columns)
        call, deadline = Call("check_conflict_target", table, target=target), self._exchange.deadline(None)
        with self._exchange.observed(call):
            found = await self._exchange.table(
                call, deadline, lambda t: t.check_columns(target, store=STORE, operation=call.operation)
            )
            request = self._exchange.requests(found).upsert([], target, target, returning=False)
            try:
                await self._exchange.transport.send(request, call, deadline)
            except MissingConflictTargetError:
                return False
            except WritesHeldError:
                # The fence is met when the statement runs; a missing key is found before, when it is planned.
                return True
            return True

    async def call_function(
        self, name: str, arguments: Mapping[str, Any], *, writes: bool, timeout: float | None = None
    ) -> Any:
        """Call an SQL function through PostgREST, in a transaction of its own, and return its answer as JSON has it.

        Args:
            arguments: by name; nothing but what JSON has a form for.
            writes: a lost answer then leaves the outcome unknown; the call of a function that only reads is repeated.
        """
        call, deadline = Call(name, writes=writes), self._exchange.deadline(timeout)
        with self._exchange.observed(call) as outcome:
            headers = self._exchange.client.postgrest.headers.copy()
            headers["Content-Type"] = "application/json"
            request = Request("POST", f"{self.url.rstrip('/')}/rpc/{name}", headers, values.body(arguments))
            response = await self._exchange.transport.send(request, call, deadline)
            outcome.rows = 1
            return from_json(response.content) if response.content else None

    @property
    def key(self) -> str:
        """The key it was opened with."""
        return str(self._exchange.client.supabase_key)

    @property
    def url(self) -> str:
        """Where the REST interface is."""
        return str(self._exchange.client.rest_url)

    async def catalog(self, *, refresh: bool = False) -> Catalog:
        """Return the live schema as the key sees it; kept until ``refresh``."""
        if refresh:
            return await self._exchange.read_catalog(self._exchange.deadline(None))
        return self._exchange.catalog

    async def health(self, *, timeout: float = 5.0) -> Health:
        """Ask a table for no rows; never raises for a store that is away."""
        started = perf_counter()
        call = Call("health")
        failure: str | None = None
        try:
            with self._exchange.observed(call):
                request = health_request(self._exchange.client, self._exchange.catalog)
                await self._exchange.transport.send(request, call, Deadline(timeout), attempts=1)
        except DataLayerError as error:
            failure = type(error).__name__
        return Health(self.name, healthy=failure is None, response_seconds=perf_counter() - started, error=failure)

    async def close(self) -> None:
        """Close every connection; may be called twice."""
        await self._exchange.transport.close()

    async def _write(self, question: Insert | Upsert | Update | Delete, call: Call, timeout: float | None) -> Written:
        deadline = self._exchange.deadline(timeout)
        with self._exchange.observed(call) as outcome:
            table = await self._exchange.table(call, deadline, lambda t: _check_write(question, t, call.operation))
            writer = Writer(self._exchange, call, table, deadline, returning=question.returning)
            match question:
                case Insert():
                    written = await writer.insert(question)
                case Upsert():
                    written = await writer.upsert(question)
                case Update():
                    written = await writer.update(question)
                case Delete():
                    written = await writer.delete(question)
            outcome.rows = written.count
            return written


def _check_write(question: Insert | Upsert | Update | Delete, table: Table, operation: str) -> None:
    if isinstance(question, Insert | Upsert):
        check_rows(question, table, store=STORE, operation=operation)
    else:
        check_change(question, table, store=STORE, operation=operation)
