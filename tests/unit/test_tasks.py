"""Tasks of our own end whatever they do with a cancellation."""

from __future__ import annotations

import asyncio

import pytest

from datalayer import tasks


async def test_task_ends_that_forgets_a_cancellation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Closing a layer must not hang where a driver raises an error of its own instead."""
    monkeypatch.setattr(tasks, "_AGAIN_SECONDS", 0.01)
    begun = asyncio.Event()
    forgotten = 0

    async def work() -> None:
        nonlocal forgotten
        while True:
            begun.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                forgotten += 1
                if forgotten == 3:
                    raise

    task = asyncio.create_task(work())
    await begun.wait()
    await tasks.end(task)
    assert task.cancelled()
    assert forgotten == 3
    await tasks.end(task)
