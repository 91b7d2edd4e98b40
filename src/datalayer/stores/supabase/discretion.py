"""Keeps filters, and so row values, out of what others tell of our requests: httpx's log and Sentry's breadcrumbs.

A request goes into httpx without its query, which is all that wrappers around the client see; a hook inside puts it
back. What httpx and httpcore log after that is dropped, for our requests alone.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

import httpx

_WHOLE_URL: Final = "datalayer.url"
_LOGGERS: Final = ("httpx", *(f"httpcore.{part}" for part in ("connection", "http11", "http2", "proxy", "socks")))

_at_work: ContextVar[bool] = ContextVar("datalayer_request", default=False)


class _OthersOnly(logging.Filter):
    """Passes what is logged outside of our requests."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is of somebody else's request."""
        return not _at_work.get()


_OTHERS_ONLY: Final = _OthersOnly()


def silence_loggers() -> None:
    """Install the filter; doing it again changes nothing."""
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_OTHERS_ONLY)


@contextmanager
def unlogged() -> Iterator[None]:
    """Drop what is logged of the request made inside."""
    token = _at_work.set(True)
    try:
        yield
    finally:
        _at_work.reset(token)


def veiled(url: str) -> tuple[str, dict[str, str]]:
    """Return the URL without its query, and the extensions of the request that :func:`unveil` reads."""
    return url.partition("?")[0], {_WHOLE_URL: url}


async def unveil(request: httpx.Request) -> None:
    """Put the query back; an event hook of the client."""
    if whole := request.extensions.get(_WHOLE_URL):
        request.url = httpx.URL(whole)
