"""A connection with a thread of its own: one job at a time, deadlines kept, nothing left running."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from threading import Event
from typing import Any, Protocol, TypeVar
from weakref import WeakSet

from datalayer.stores.sqlite.connection import connect
from datalayer.stores.sqlite.errors import closed, is_busy

T = TypeVar("T")
Job = Callable[[sqlite3.Connection], T]

#: Seconds between two interrupts of a job that was given up; one that falls between two statements hits nothing.
_INTERRUPT_SECONDS = 0.01


class Opened(Protocol):
    """What holds a statement open on a connection."""

    def close(self, connection: sqlite3.Connection) -> None:
        """Let go of it."""


class Worker:
    """Runs jobs on one connection.

    ``lock`` is held by whoever uses the connection: for one call, or for a whole transaction. ``opened`` is let go of
    before the connection is closed: SQLite keeps the file open as long as one statement is.
    """

    def __init__(self, connection: sqlite3.Connection, executor: ThreadPoolExecutor) -> None:
        self._connection = connection
        self._executor = executor
        self.lock = asyncio.Lock()
        self.closed = False
        self.opened: WeakSet[Opened] = WeakSet()

    @classmethod
    async def start(cls, path: str, *, writable: bool, create: bool = False, patience: float) -> Worker:
        """Open a connection on a new thread; ``patience`` is how many seconds another process may keep it locked.

        Raises:
            sqlite3.Error: the file cannot be opened.
        """
        executor = ThreadPoolExecutor(1, thread_name_prefix="datalayer-sqlite")
        opening = asyncio.get_running_loop().run_in_executor(
            executor, partial(connect, path, writable=writable, create=create, patience=patience)
        )
        try:
            return cls(await asyncio.shield(opening), executor)
        except BaseException:
            if not opening.cancelled():
                opening.add_done_callback(_close_unwanted)
            executor.shutdown(wait=False)
            raise

    async def run(self, job: Job[T], *, again: bool = True, interrupt: bool = True) -> T:
        """Run a job on the connection's thread; the caller holds the lock.

        When the caller is cancelled the job is interrupted, and this returns only after it has ended. A job that met
        another process's lock until then is the cause of the CancelledError.

        Args:
            job: what to do with the connection.
            again: run the job anew as long as another process's lock is in the way; it must then have done nothing.
            interrupt: False for a job that must come to its end: a commit, a rollback.
        """
        if self.closed:
            raise closed("run")
        given_up = Event()
        future = asyncio.get_running_loop().run_in_executor(
            self._executor, _patiently if again else _once, self._connection, job, given_up
        )
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError as cancelled:
            given_up.set()
            await self._outlast(future, interrupt=interrupt)
            if is_busy(future.exception()):
                cancelled.__cause__ = future.exception()
            raise

    async def close(self) -> None:
        """Interrupt what runs, roll back what is open, close the connection and end the thread."""
        if self.closed:
            return
        self.closed = True
        loop = asyncio.get_running_loop()
        cancelled = await self._outlast(loop.run_in_executor(self._executor, _nothing), interrupt=True)
        closing = loop.run_in_executor(self._executor, self._close)
        self._executor.shutdown(wait=False)
        if await self._outlast(closing, interrupt=False) or cancelled:
            raise asyncio.CancelledError
        closing.result()

    def let_go(self, connection: sqlite3.Connection) -> None:
        """Close what is opened; runs on the thread."""
        for opened in list(self.opened):
            opened.close(connection)

    def _close(self) -> None:
        self.let_go(self._connection)
        # An interrupt that found nothing running waits for the next statement; SQLite's own last steps are none, and
        # it would keep them from putting the write-ahead log away.
        with suppress(sqlite3.OperationalError):
            self._connection.execute("select 1").close()
        self._connection.close()

    async def _outlast(self, future: asyncio.Future[Any], *, interrupt: bool) -> bool:
        """Wait until the future is done, whatever comes; return whether the caller was cancelled meanwhile."""
        cancelled = False
        while not future.done():
            if interrupt:
                self._connection.interrupt()
            try:
                await asyncio.wait({future}, timeout=_INTERRUPT_SECONDS)
            except asyncio.CancelledError:
                cancelled = True
        return cancelled


def _patiently(connection: sqlite3.Connection, job: Job[T], given_up: Event) -> T:
    while True:
        try:
            return job(connection)
        except sqlite3.OperationalError as error:
            if given_up.is_set() or not is_busy(error):
                raise


def _once(connection: sqlite3.Connection, job: Job[T], given_up: Event) -> T:
    return job(connection)


def _nothing() -> None:
    """Come after what runs."""


def _close_unwanted(opening: asyncio.Future[sqlite3.Connection]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()
