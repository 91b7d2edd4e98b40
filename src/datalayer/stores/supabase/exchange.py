"""What the verbs share: the live schema, one request after the other, decoded rows, telemetry."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import httpx
from pydantic_core import from_json
from supabase import AsyncClient

from datalayer.errors import (
    AccessDeniedError,
    DataLayerError,
    SchemaError,
    StoreError,
    UnfitValueError,
    UnknownColumnError,
    UnknownTableError,
)
from datalayer.query import Comparison, Filter, Row, Select
from datalayer.stores.catalog import CREATE_TABLE, Catalog, Table
from datalayer.stores.checks import check_timeout
from datalayer.stores.supabase import filters, quoting, values
from datalayer.stores.supabase.catalog import read_catalog
from datalayer.stores.supabase.errors import STALE_SCHEMA, STORE, Call
from datalayer.stores.supabase.opening import read_description
from datalayer.stores.supabase.paging import Pages
from datalayer.stores.supabase.requests import Requests
from datalayer.stores.supabase.splitting import split_in_list
from datalayer.stores.supabase.transport import Deadline, Request, Transport
from datalayer.telemetry import CallEvent, Observer, notify


@dataclass(slots=True)
class Outcome:
    """How many rows a call returned or wrote, for its event."""

    rows: int = 0


class Exchange:
    """One PostgREST and what is known about it.

    ``catalog`` is replaced as a whole, and ``outdated`` set when the server contradicts it, on the event loop's thread
    only.
    """

    def __init__(
        self,
        client: AsyncClient,
        transport: Transport,
        catalog: Catalog,
        *,
        timeout: float,
        page_rows: int,
        observers: Sequence[Observer],
    ) -> None:
        self.client = client
        self.transport = transport
        self.catalog = catalog
        self.outdated = False
        self.timeout = timeout
        self.page_rows = page_rows
        self.observers = tuple(observers)

    def deadline(self, timeout: float | None) -> Deadline:
        """Start the clock of a call."""
        check_timeout(timeout)
        return Deadline(self.timeout if timeout is None else timeout)

    def requests(self, table: Table) -> Requests:
        """Return the builder of requests for a table."""
        return Requests(self.client, table)

    async def read_catalog(self, deadline: Deadline) -> Catalog:
        """Read the live schema again."""
        description = await read_description(
            str(self.client.rest_url), self.client.postgrest.headers, self.transport, deadline
        )
        self.catalog = read_catalog(description)
        self.outdated = False
        return self.catalog

    async def table(self, call: Call, deadline: Deadline, check: Callable[[Table], None]) -> Table:
        """Return the table after ``check`` accepted it; a schema that seems too old is read again once."""
        name = call.table or ""
        if self.outdated:
            await self.read_catalog(deadline)
        try:
            table = self.catalog.table(name, store=STORE, operation=call.operation)
            check(table)
        except SchemaError:
            await self.read_catalog(deadline)
        else:
            return table
        try:
            table = self.catalog.table(name, store=STORE, operation=call.operation)
        except UnknownTableError as error:
            await self._raise_if_denied(call, deadline)
            raise UnknownTableError(
                error.message,
                store=STORE,
                operation=call.operation,
                table=name,
                sqlstate=error.sqlstate,
                hint=f"{CREATE_TABLE}; {STALE_SCHEMA}" if error.hint == CREATE_TABLE else error.hint,
            ) from None
        check(table)
        return table

    async def _raise_if_denied(self, call: Call, deadline: Deadline) -> None:
        """Ask for a table that the description leaves out: it may be there, without a right for this key."""
        config = self.client.table(call.table or "").select("*").limit(0).request
        request = Request("GET", f"{config.path}?limit=0", config.headers)
        try:
            await self.transport.send(request, call, deadline)
        except AccessDeniedError:
            raise
        except StoreError:
            return

    async def rows(self, request: Request, call: Call, table: Table, deadline: Deadline) -> list[Row]:
        """Send a request and return the rows of its answer."""
        return decoded(await self.transport.send(request, call, deadline), table, call)

    async def pages(
        self, question: Select, call: Call, table: Table, *, deadline: Deadline | None, page_rows: int | None = None
    ) -> AsyncIterator[list[Row]]:
        """Yield the pages of a question; without a deadline each page has the store's timeout."""
        plan = Pages(question, table, page_rows or self.page_rows)
        requests = self.requests(table)
        page: Select | None = plan.first()
        taken = 0
        while page is not None:
            rows = await self.rows(requests.select(page), call, table, deadline or self.deadline(None))
            taken += len(rows)
            yield plan.cut(rows)
            page = plan.following(page, rows, taken)

    def parts(self, where: Filter | None, table: Table) -> list[Filter | None]:
        """Split a filter that is too long for a URL."""
        if where is None:
            return [None]
        length = self.requests(table).query_length(Select(table.name, where))

        def cost(listed: Comparison, value: Any) -> int:
            element = filters.in_list_element(value, table.by_name[listed.column])
            return quoting.encoded_length(element) + 1

        return split_in_list(where, length=length, cost=cost)

    @contextmanager
    def observed(self, call: Call) -> Iterator[Outcome]:
        """Tell the observers of a call, and name the call in errors about values."""
        outcome = Outcome()
        started = perf_counter() if self.observers else 0.0
        failure: str | None = None
        try:
            yield outcome
        except UnfitValueError as error:
            failure = type(error).__name__
            raise _named(error, call) from None
        except DataLayerError as error:
            failure = type(error).__name__
            self.outdated = self.outdated or isinstance(error, UnknownColumnError | UnknownTableError)
            raise
        finally:
            if self.observers:
                seconds = perf_counter() - started
                event = CallEvent(STORE, call.operation, call.table or "", seconds, outcome.rows, failure)
                notify(self.observers, event)


def decoded(response: httpx.Response, table: Table, call: Call) -> list[Row]:
    """Parse an answer's rows into exact Python values."""
    rows: list[Row] = from_json(response.content)
    if not rows:
        return rows
    decoders = [
        (name, decode)
        for name in rows[0]
        if name in table.by_name and (decode := values.decoder(table.by_name[name])) is not None
    ]
    for name, decode in decoders:
        try:
            for row in rows:
                if row[name] is not None:
                    row[name] = decode(row[name])
        except (ValueError, OverflowError):
            raise UnfitValueError(
                "a stored value has no exact Python counterpart (a date before year 1 or after 9999, or infinity)",
                store=STORE,
                operation=call.operation,
                table=call.table,
                sqlstate="22008",
                columns=(name,),
            ) from None
    return rows


def total(response: httpx.Response) -> int:
    """Return the number of rows that matched or were written, from the header Content-Range."""
    return int(response.headers["content-range"].rpartition("/")[2])


def _named(error: UnfitValueError, call: Call) -> UnfitValueError:
    if error.table is not None or error.operation == call.operation:
        return error
    return UnfitValueError(
        error.message,
        store=STORE,
        operation=call.operation,
        table=call.table,
        sqlstate=error.sqlstate,
        columns=error.columns,
    )
