"""Connections that only read a file: they never wait for who writes."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from datalayer.errors import UnavailableError
from datalayer.stores.sqlite.errors import cannot_open, closed
from datalayer.stores.sqlite.worker import Worker

_MOST_READERS = 4


class Readers:
    """Opens reading connections when they are needed.

    ``_idle`` and ``_open`` change on the event loop's thread only.
    """

    def __init__(self, path: str, timeout: float) -> None:
        self._path = path
        self._timeout = timeout
        self._slots = asyncio.Semaphore(_MOST_READERS)
        self._idle: list[Worker] = []
        self._open: set[Worker] = set()
        self._closed = False

    @asynccontextmanager
    async def lend(self) -> AsyncIterator[Worker]:
        """Lend a connection for one job."""
        async with self._slots:
            worker = self._idle.pop() if self._idle else await self._start()
            try:
                yield worker
            finally:
                self._idle.append(worker)

    @asynccontextmanager
    async def own(self) -> AsyncIterator[Worker]:
        """Open a connection for a stream or a transaction, and close it afterwards."""
        worker = await self._start()
        try:
            yield worker
        finally:
            await self._release(worker)

    async def close(self) -> None:
        """Close every connection."""
        self._closed = True
        while self._open:
            await self._open.pop().close()

    async def _start(self) -> Worker:
        self._check_open()
        try:
            worker = await Worker.start(self._path, writable=False, patience=self._timeout)
        except sqlite3.Error as error:
            raise cannot_open(error, self._path) from None
        self._open.add(worker)
        try:
            self._check_open()
        except UnavailableError:
            await self._release(worker)
            raise
        return worker

    async def _release(self, worker: Worker) -> None:
        self._open.discard(worker)
        await worker.close()

    def _check_open(self) -> None:
        if self._closed:
            raise closed("connect")
