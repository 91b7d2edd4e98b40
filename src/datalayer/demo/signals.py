"""SIGTERM ends a block of code as Ctrl-C does, so that it is left by the way that cleans up."""

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
