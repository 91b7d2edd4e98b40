"""Being told to stop: SIGTERM and SIGHUP end a block as Ctrl-C does; what must not end half-way is finished."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

#: A request to end, and a terminal that was closed.
_ENDING: Final = (signal.SIGTERM, signal.SIGHUP)


@contextmanager
def interrupting(received: list[int]) -> Iterator[None]:
    """Turn the first SIGTERM or SIGHUP into the interruption of the block; more of them do not disturb its clean-up.

    For the main thread.

    Args:
        received: the signals that came are added to it.
    """

    def interrupt(number: int, _: FrameType | None) -> None:
        received.append(number)
        if len(received) > 1:
            return
        if not callable(signal.getsignal(signal.SIGINT)):
            # A process started in the background ignores SIGINT.
            raise KeyboardInterrupt
        # Its handler alone is not enough: an event loop that listens to it hears of the signal itself.
        signal.raise_signal(signal.SIGINT)

    # nohup has SIGHUP ignored, and so it stays.
    taken = [number for number in _ENDING if signal.getsignal(number) is not signal.SIG_IGN]
    previous = {number: signal.signal(number, interrupt) for number in taken}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold back SIGINT, SIGTERM and SIGHUP until the block has ended, also from the processes that it starts.

    Those inherit the blocked signals, so this is only for processes that end by themselves or set their own mask, as
    initdb, pg_ctl and PostgreSQL do. For the main thread, while there are no others.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, *_ENDING})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
