"""Being told to stop: SIGTERM ends a block as Ctrl-C does, cleaning up; what must not end half-way is finished."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

#: What a shell reports of a process that SIGTERM ended.
TERMINATED: Final = 128 + signal.SIGTERM


@contextmanager
def terminating_cleanly() -> Iterator[None]:
    """Turn SIGTERM into the interruption of the block, and then into the exit code 143. For the main thread."""
    received = False

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal received
        received = True
        # asyncio puts a handler of its own here while it runs; a process started in the background has none.
        on_interrupt = signal.getsignal(signal.SIGINT)
        if not callable(on_interrupt):
            raise KeyboardInterrupt
        on_interrupt(number, frame)

    previous = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    except KeyboardInterrupt:
        if received:
            raise SystemExit(TERMINATED) from None
        raise
    finally:
        signal.signal(signal.SIGTERM, previous)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold back SIGINT and SIGTERM until the block has ended, also from the processes that it starts.

    Those inherit the blocked signals, so this is only for processes that end by themselves or set their own mask, as
    initdb, pg_ctl and PostgreSQL do. For the main thread, while there are no others.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
