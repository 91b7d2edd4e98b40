"""SIGTERM and SIGHUP leave a block as Ctrl-C does."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator

import pytest

from datalayer.signals import interrupting, uninterrupted


@pytest.fixture(autouse=True)
def _not_under_nohup() -> Iterator[None]:
    """Take SIGHUP as it is outside of nohup, which has it ignored."""
    previous = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, previous)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGHUP])
def test_signal_unwinds_the_block_and_is_told(how: signal.Signals) -> None:
    """What the block holds is closed; then the old handler is back."""
    before, closed = signal.getsignal(how), []
    received: list[int] = []

    def block() -> None:
        with interrupting(received):
            try:
                signal.raise_signal(how)
            finally:
                signal.raise_signal(how)  # a shell that loses its terminal sends SIGHUP twice
                closed.append(True)

    with pytest.raises(KeyboardInterrupt):
        block()
    assert received == [how, how]
    assert closed == [True]
    assert signal.getsignal(how) is before


def test_sighup_stays_ignored_where_it_is() -> None:
    """A command that nohup started goes on."""
    received: list[int] = []
    previous = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interrupting(received):
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, previous)
    assert received == []


def test_sigterm_cancels_what_asyncio_runs() -> None:
    """Inside of asyncio.run the main task is cancelled, so that its own clean-up runs."""
    closed = []

    async def work() -> None:
        try:
            signal.raise_signal(signal.SIGTERM)
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            closed.append(True)

    def block() -> None:
        with interrupting([]):
            asyncio.run(work())

    with pytest.raises(KeyboardInterrupt):
        block()
    assert closed == [True]


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGHUP])
def test_signal_is_heard_by_who_listens_to_ctrl_c_on_the_event_loop(how: signal.Signals) -> None:
    """A relay ends by itself then, after the batch at hand."""
    heard = []

    async def work() -> None:
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, stop.set)
        signal.raise_signal(how)
        async with asyncio.timeout(5):
            await stop.wait()
        heard.append(True)

    with interrupting([]):
        asyncio.run(work())
    assert heard == [True]


def test_sigterm_works_where_sigint_is_ignored() -> None:
    """A process that a shell started in the background ignores SIGINT; SIGTERM still ends it cleanly."""
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with pytest.raises(KeyboardInterrupt), interrupting([]):
            signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGINT, previous)


def test_ctrl_c_stays_what_it_is() -> None:
    """It is none of the signals that are told."""
    received: list[int] = []
    with pytest.raises(KeyboardInterrupt), interrupting(received):
        signal.raise_signal(signal.SIGINT)
    assert received == []


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_uninterrupted_block_is_finished_first(how: signal.Signals) -> None:
    """A signal within the block takes effect at its end, not before."""
    done = []

    def block() -> None:
        with interrupting([]), uninterrupted():
            signal.raise_signal(how)  # to this thread: a test run in parts has others, which block nothing
            done.append(True)

    with pytest.raises(KeyboardInterrupt):
        block()
    assert done == [True]
    assert not signal.pthread_sigmask(signal.SIG_BLOCK, ()) & {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
