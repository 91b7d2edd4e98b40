"""Deadlines: a call ends when its time is up, and the store goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from time import perf_counter
from typing import Any

import pytest
from tests.integration.behaviour.asking import labels, put
from tests.integration.behaviour.failures import SECRET, failure
from tests.integration.behaviour.subjects import Subject

from datalayer.errors import InvalidValueError, OutcomeUnknownError, StoreError, StoreTimeoutError
from datalayer.query import Count, Delete, Insert, Update, Upsert, col

TIMEOUT = 0.2
#: Cancelling takes a round trip; a busy machine takes its time.
SOON = 3.0


async def test_read_that_takes_too_long_is_cancelled(subject: Subject) -> None:
    """A read past its deadline ends as StoreTimeoutError soon after, and the store goes on."""
    await subject.store.catalog()
    async with subject.slow_select() as question:
        started = perf_counter()
        error = await failure(StoreTimeoutError, subject.store.select(question, timeout=TIMEOUT))
        assert TIMEOUT * 0.9 <= perf_counter() - started < SOON
    assert (error.operation, error.table) == ("select", question.table)
    assert error.sqlstate in {"57014", "55P03"}
    assert await subject.store.count(Count("things")) == 0


async def test_count_that_takes_too_long_is_cancelled(subject: Subject) -> None:
    """Deadlines hold for every verb that reads."""
    await subject.store.catalog()
    async with subject.slow_select() as question:
        call = subject.store.count(Count(question.table, question.where), timeout=TIMEOUT)
        error = await failure(StoreTimeoutError, call)
    assert (error.operation, error.table) == ("count", question.table)


async def test_write_that_cannot_start_in_time_is_given_up(subject: Subject) -> None:
    """A write held up by another's lock is cancelled and wrote nothing; over HTTP nobody can cancel or tell."""
    store = subject.store
    expected: type[StoreError] = OutcomeUnknownError if store.name == "supabase" else StoreTimeoutError
    await put(store, "things", {"id": 1, "label": "kept"})
    row = {"id": 2, "label": SECRET}
    async with subject.writes_blocked():
        calls = [
            store.insert(Insert("things", [row]), timeout=TIMEOUT),
            store.insert(Insert("things", [row, {"id": 3}]), timeout=TIMEOUT),
            store.upsert(Upsert("things", [row], ("id",)), timeout=TIMEOUT),
            store.update(Update("things", {"label": SECRET}, col("id").eq(1)), timeout=TIMEOUT),
            store.delete(Delete("things", col("id").eq(1)), timeout=TIMEOUT),
        ]
        for call, operation in zip(calls, ("insert", "insert", "upsert", "update", "delete"), strict=True):
            error = await failure(expected, call)
            assert (error.operation, error.table) == (operation, "things")
    if store.name != "supabase":
        assert await labels(store) == ["kept"]


async def test_cancelled_read_leaves_the_store_usable(subject: Subject) -> None:
    """A caller who gives up while waiting costs the store no connection, however often it happens."""
    async with subject.slow_select() as question:
        for _ in range(15):
            await _give_up(subject.store.select(question))
    assert await subject.store.count(Count("things"), timeout=SOON) == 0


@pytest.mark.parametrize("subject", ["sqlite", "postgres", "postgres-copy", "routed"], indirect=True)
async def test_cancelled_write_wrote_nothing(subject: Subject) -> None:
    """A write given up before it could start does not happen later."""
    async with subject.writes_blocked():
        for _ in range(15):
            await _give_up(subject.store.insert(Insert("things", [{"label": "x"}])))
    assert await subject.store.count(Count("things"), timeout=SOON) == 0


async def _give_up(call: Coroutine[Any, Any, object]) -> None:
    task = asyncio.create_task(call)
    done, _ = await asyncio.wait({task}, timeout=0.02)
    assert not done
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()


@pytest.mark.parametrize("timeout", ["", "5", 0, -1, True, float("nan")])
async def test_deadline_that_no_call_can_keep_is_refused(subject: Subject, timeout: Any) -> None:
    """A deadline is a positive number of seconds; anything else is told by name on every store."""
    questions: list[Coroutine[Any, Any, object]] = [
        subject.store.count(Count("things"), timeout=timeout),
        subject.store.insert(Insert("things", [{"label": "a"}]), timeout=timeout),
        subject.store.delete(Delete("things", col("label").eq("a")), timeout=timeout),
    ]
    for question in questions:
        with pytest.raises(InvalidValueError) as caught:
            await question
        assert caught.value.field == "timeout"
