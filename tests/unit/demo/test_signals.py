"""SIGTERM and SIGHUP leave a block as Ctrl-C does, and the process with their own exit codes."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator

import pytest

from datalayer.demo.signals import terminating_cleanly, uninterrupted


@pytest.fixture(autouse=True)
def _not_under_nohup() -> Iterator[None]:
    """Take SIGHUP as it is outside of nohup, which has it ignored."""
    previous = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, previous)


@pytest.mark.parametrize(("how", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_signal_unwinds_the_block_and_becomes_an_exit_code(how: signal.Signals, code: int) -> None:
    """What the block holds is closed, then the process ends with 143 or 129; the old handler is back."""
    before, closed = signal.getsignal(how), []

    def block() -> None:
        with terminating_cleanly():
            try:
                signal.raise_signal(how)
            finally:
                signal.raise_signal(how)  # a shell that loses its terminal sends SIGHUP twice
                closed.append(True)

    with pytest.raises(SystemExit) as ended:
        block()
    assert ended.value.code == code
    assert closed == [True]
    assert signal.getsignal(how) is before


def test_sighup_stays_ignored_where_it_is() -> None:
    """A demo that nohup started plays on."""
    previous = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with terminating_cleanly():
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, previous)


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
        with terminating_cleanly():
            asyncio.run(work())

    with pytest.raises(SystemExit) as ended:
        block()
    assert ended.value.code == 143
    assert closed == [True]


def test_sigterm_works_where_sigint_is_ignored() -> None:
    """A process that a shell started in the background ignores SIGINT; SIGTERM still ends it cleanly."""
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with pytest.raises(SystemExit), terminating_cleanly():
            signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGINT, previous)


def test_ctrl_c_stays_what_it_is() -> None:
    """An interruption that was none of SIGTERM's is passed on."""
    with pytest.raises(KeyboardInterrupt), terminating_cleanly():
        signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize(
    ("how", "error"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit), (signal.SIGHUP, SystemExit)]
)
def test_uninterrupted_block_is_finished_first(how: signal.Signals, error: type[BaseException]) -> None:
    """A signal within the block takes effect at its end, not before."""
    done = []

    def block() -> None:
        with terminating_cleanly(), uninterrupted():
            signal.raise_signal(how)  # to this thread: a test run in parts has others, which block nothing
            done.append(True)

    with pytest.raises(error):
        block()
    assert done == [True]
    assert not signal.pthread_sigmask(signal.SIG_BLOCK, ()) & {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
