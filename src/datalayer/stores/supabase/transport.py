"""Sends requests: one HTTP pool, one deadline per call, repeats where that is safe. The only place that does I/O."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

import httpx

from datalayer.errors import ConfigurationError, StoreError, UnavailableError
from datalayer.stores.supabase import discretion, errors
from datalayer.stores.supabase.errors import Call

_ATTEMPTS: Final = 4
_FIRST_WAIT_SECONDS: Final = 0.1
_LONGEST_WAIT_SECONDS: Final = 1.0
_WAIT_JITTER_SECONDS: Final = 0.2
#: Share of the remaining time in which a connection must be established, so that a failure to do so is told apart from
#: an answer that did not come: only then is it certain that a write was not sent.
_CONNECT_SHARE: Final = 0.9

_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


def new_client(max_connections: int = 20) -> httpx.AsyncClient:
    """Return the one HTTP pool of a store; deadlines are set per request."""
    limits = httpx.Limits(max_connections=max_connections, max_keepalive_connections=max_connections)
    discretion.silence_loggers()
    hooks = {"request": [discretion.unveil]}
    return httpx.AsyncClient(limits=limits, timeout=None, event_hooks=hooks)  # noqa: S113 - requests have deadlines


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request, complete. Safe to send twice unless it writes."""

    method: str
    url: str
    headers: httpx.Headers
    content: bytes | None = None


class Deadline:
    """The end of a call's time, shared by all requests made for it."""

    def __init__(self, seconds: float) -> None:
        self._end = asyncio.get_running_loop().time() + seconds

    @property
    def remaining(self) -> float:
        """Seconds left, at least 0."""
        return max(0.0, self._end - asyncio.get_running_loop().time())


@dataclass(slots=True)
class _Progress:
    """Where a call stands, for the moment when its time is up."""

    in_flight: bool = False
    failure: StoreError | None = None
    advised_wait: float | None = None


class Transport:
    """The way to one PostgREST."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def send(
        self, request: Request, call: Call, deadline: Deadline, *, attempts: int = _ATTEMPTS
    ) -> httpx.Response:
        """Send a request and return its successful answer.

        A request is repeated only where that is safe: it was never delivered, the answer proves that nothing was done
        (429, 503 with ``Retry-After``, PostgREST without a database), or it only reads; never beyond the deadline, and
        not before a ``Retry-After`` has passed.
        """
        if self._client.is_closed:
            raise errors.unavailable(call, "the store is closed")
        progress = _Progress()
        try:
            async with asyncio.timeout(deadline.remaining):
                return await self._attempts(request, call, deadline, progress, attempts)
        except TimeoutError:
            if progress.in_flight:
                raise (errors.outcome_unknown(call) if call.writes else errors.timed_out(call)) from None
            raise progress.failure or errors.timed_out(call) from None

    async def close(self) -> None:
        """Close every connection."""
        await self._client.aclose()

    async def _attempts(
        self, request: Request, call: Call, deadline: Deadline, progress: _Progress, attempts: int
    ) -> httpx.Response:
        if attempts == 1:
            return await self._attempt(request, call, deadline, progress)
        import stamina

        def again(error: Exception) -> bool | float:
            if not isinstance(error, UnavailableError):
                return False
            wait = progress.advised_wait
            if wait is None:
                return True
            return wait if wait < deadline.remaining else False

        async for attempt in stamina.retry_context(
            on=again,
            attempts=attempts,
            timeout=None,
            wait_initial=_FIRST_WAIT_SECONDS,
            wait_max=_LONGEST_WAIT_SECONDS,
            wait_jitter=_WAIT_JITTER_SECONDS,
        ):
            with attempt:
                return await self._attempt(request, call, deadline, progress)
        raise AssertionError("the last attempt returns or raises")

    async def _attempt(self, request: Request, call: Call, deadline: Deadline, progress: _Progress) -> httpx.Response:
        progress.in_flight, progress.advised_wait = True, None
        try:
            with _translated(call):
                response = await self._exchange(request, deadline.remaining * _CONNECT_SHARE)
            if response.is_success:
                return response
            progress.advised_wait = advised_wait(response)
            raise errors.from_response(response, call)
        except StoreError as error:
            progress.in_flight, progress.failure = False, error
            raise

    async def _exchange(self, request: Request, connect_seconds: float) -> httpx.Response:
        url, extensions = discretion.veiled(request.url)
        with discretion.unlogged():
            return await self._client.request(
                request.method,
                url,
                content=request.content,
                headers=request.headers,
                timeout=httpx.Timeout(None, connect=connect_seconds, pool=connect_seconds),
                extensions=extensions,
            )


def advised_wait(response: httpx.Response) -> float | None:
    """Return the seconds of a ``Retry-After`` header, given as a number or a date."""
    header = response.headers.get("retry-after")
    if header is None:
        return None
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(header) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None


@contextmanager
def _translated(call: Call) -> Iterator[None]:
    try:
        yield
    except _NEVER_SENT:
        raise errors.unavailable(call) from None
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.LocalProtocolError):
        raise ConfigurationError(
            "the URL or the key cannot be put into a request; look for stray characters",
            variables=("SUPABASE_URL", "SUPABASE_SERVICE_ROLE_KEY", "SUPABASE_KEY"),
        ) from None
    except httpx.RequestError:
        if call.writes:
            raise errors.outcome_unknown(call) from None
        raise errors.unavailable(call, "the connection was lost before the answer came") from None
