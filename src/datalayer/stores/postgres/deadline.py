"""The deadline of a statement that is at work on the server."""

from __future__ import annotations

import asyncio
import os
import socket
from typing import Any

import psycopg
from psycopg import AsyncConnection

#: Seconds a server has to obey a cancel request before its connection is cut.
GRACE_SECONDS = 1.0


class Deadline:
    """Cancels the statement of a connection when its time is up, so that the server tells how it ended.

    Cancelling the caller's task instead would leave open whether a write happened. A server that does not obey the
    cancel request within the grace period loses the connection.
    """

    __slots__ = ("_connection", "_handle", "_loop", "_task", "passed")

    def __init__(self, connection: AsyncConnection[Any], seconds: float) -> None:
        self.passed = False
        self._connection = connection
        self._task: asyncio.Task[None] | None = None
        self._loop = asyncio.get_running_loop()
        self._handle = self._loop.call_later(seconds, self._expire)

    def _expire(self) -> None:
        self.passed = True
        self._task = self._loop.create_task(self._cancel())

    async def _cancel(self) -> None:
        self._handle = self._loop.call_later(GRACE_SECONDS, self._cut)
        try:
            await self._connection.cancel_safe(timeout=GRACE_SECONDS)
        except psycopg.Error:
            self._cut()

    def _cut(self) -> None:
        """Shut the socket down; the statement that waits on it fails at once with a lost connection."""
        if not self._connection.closed:
            with socket.socket(fileno=os.dup(self._connection.pgconn.socket)) as duplicate:
                duplicate.shutdown(socket.SHUT_RDWR)

    def stop(self) -> bool:
        """Stop the clock; say whether it ran out, so that there is something to finish."""
        self._handle.cancel()
        return self._task is not None

    async def finish(self) -> None:
        """End what a clock that ran out began, and close the connection: a late cancel must not hit what comes next."""
        if self._task is not None:
            await self._task
            self._handle.cancel()
            await self._connection.close()
