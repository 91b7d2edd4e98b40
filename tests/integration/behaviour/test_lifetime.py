"""Opening, health, closing, and who hears of calls."""

from __future__ import annotations

from time import perf_counter

import pytest
from tests.integration.behaviour.asking import put
from tests.integration.behaviour.failures import failure
from tests.integration.behaviour.subjects import Subject

from datalayer.errors import UnavailableError, UniqueViolationError
from datalayer.query import Count, Delete, Insert, Select, Update, Upsert, col
from datalayer.stores.contract import Store
from datalayer.telemetry import CallEvent

#: A refusal takes no time; connecting to nothing takes at most the connect timeout.
SOON = 3.0


async def test_server_that_is_not_there_is_unavailable(subject: Subject) -> None:
    """Opening a store whose server is away, or its first call, fails soon, and says where to look, not the password."""
    started = perf_counter()

    async def open_and_ask() -> None:
        store = await subject.open_away()
        try:
            await store.count(Count("things"))
        finally:
            await store.close()

    error = await failure(UnavailableError, open_and_ask())
    assert perf_counter() - started < SOON
    assert error.retryable
    assert error.hint
    assert "s3cret" not in str(error)


async def test_health_of_an_open_store_is_good(store: Store) -> None:
    """One cheap query, timed."""
    health = await store.health()
    assert (health.store, health.healthy, health.error) == (store.name, True, None)
    assert health.response_seconds is not None
    assert 0 < health.response_seconds < SOON


async def test_closed_store_is_unavailable(subject: Subject) -> None:
    """Closing twice is fine; afterwards calls fail at once and health says so without raising."""
    store = await subject.open_another()
    assert await store.count(Count("things")) == 0
    await store.close()
    await store.close()
    await failure(UnavailableError, store.select(Select("things")))
    await failure(UnavailableError, store.insert(Insert("things", [{"label": "x"}])))
    health = await store.health()
    assert (health.healthy, health.error) == (False, "UnavailableError")


async def test_two_stores_on_one_database_see_each_others_writes(subject: Subject) -> None:
    """Nothing but the schema is kept between calls."""
    other = await subject.open_another()
    try:
        await put(subject.store, "samples", {"id": 1, "word": "x"})
        assert await other.count(Count("samples", col("word").eq("x"))) == 1
        await other.delete(Delete("samples", every_row=True))
        assert await subject.store.count(Count("samples")) == 0
    finally:
        await other.close()


async def test_observer_hears_of_every_call_once(subject: Subject) -> None:
    """One event per call: which verb, which table, how many rows, how it failed."""
    heard: list[CallEvent] = []
    store = await subject.open_another(heard.append)
    try:
        await store.select(Select("samples"))
        heard.clear()
        await store.insert(Insert("samples", [{"id": 1}, {"id": 2}]))
        await store.upsert(Upsert("samples", [{"id": 2, "number": 1}], ("id",)))
        await store.select(Select("samples"))
        await store.count(Count("samples"))
        await store.update(Update("samples", {"number": 2}, every_row=True))
        with pytest.raises(UniqueViolationError):
            await store.insert(Insert("samples", [{"id": 1}]))
        await store.delete(Delete("samples", col("id").eq(1)))
    finally:
        await store.close()
    assert {(event.store, event.table) for event in heard} == {(store.name, "samples")}
    assert all(event.duration_seconds > 0 for event in heard)
    told = [(event.operation, event.error) for event in heard]
    assert told == [
        ("insert", None),
        ("upsert", None),
        ("select", None),
        ("count", None),
        ("update", None),
        ("insert", "UniqueViolationError"),
        ("delete", None),
    ]
    rows = {event.operation: event.rows for event in heard if event.error is None}
    assert {name: rows[name] for name in ("insert", "upsert", "select", "update", "delete")} == {
        "insert": 2,
        "upsert": 1,
        "select": 2,
        "update": 2,
        "delete": 1,
    }
