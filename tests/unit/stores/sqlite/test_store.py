"""Opening, closing, the escape hatch, health and telemetry."""

from __future__ import annotations

import gc
import os
import sqlite3
import stat
import threading
from pathlib import Path

import pytest
from tests.unit.stores.sqlite.conftest import Define

from datalayer.errors import (
    AccessDeniedError,
    ConfigurationError,
    DataLayerError,
    InvalidValueError,
    SchemaError,
    StoreError,
    StoreTimeoutError,
    UnavailableError,
    UnknownTableError,
)
from datalayer.query import Count, Insert, Select, Update, col
from datalayer.stores.contract import Store
from datalayer.stores.sqlite import SqliteStore
from datalayer.telemetry import CallEvent


async def test_store_meets_the_contract(store: SqliteStore) -> None:
    """The type checker holds the class to the protocol."""
    held: Store = store
    assert held.name == "sqlite"


@pytest.mark.parametrize("place", ["missing/file.db", ".", "text.db"])
async def test_file_that_cannot_be_opened_is_named(tmp_path: Path, place: str) -> None:
    """A missing directory, a directory, and a file that is something else: path and next step are told."""
    (tmp_path / "text.db").write_text("this is no database, however long it may be " * 100)
    with pytest.raises(UnavailableError) as caught:
        await SqliteStore.open(tmp_path / place)
    assert str(tmp_path / place) in str(caught.value)
    assert caught.value.hint
    assert caught.value.sqlstate == "08001"


async def test_sqlite_that_is_too_old_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """At once, and not at the first RETURNING."""
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 34, 1))
    with pytest.raises(ConfigurationError, match="too old"):
        await SqliteStore.open(":memory:")


async def test_file_locked_by_another_process_is_given_up(path: Path, define: Define) -> None:
    """Opening waits as long as it may, no longer."""
    define("create table t (id integer primary key)")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("begin exclusive")
    try:
        with pytest.raises(UnavailableError, match="locked"):
            await SqliteStore.open(path, timeout=0.1)
    finally:
        other.close()


async def test_connections_are_set_up(store: SqliteStore) -> None:
    """Foreign keys are checked, the journal is a write-ahead log, commits do not wait for it to be flushed."""

    def settings(connection: sqlite3.Connection) -> list[object]:
        names = ("foreign_keys", "journal_mode", "synchronous")
        return [connection.execute(f"pragma {name}").fetchone()[0] for name in names]

    assert await store.run(settings) == [1, "wal", 1]


async def test_run_lends_the_connection_on_its_thread(either: SqliteStore) -> None:
    """In autocommit mode, away from the event loop."""
    thread, in_transaction = await either.run(lambda c: (threading.get_ident(), c.in_transaction))
    assert thread != threading.get_ident()
    assert not in_transaction


async def test_run_reports_a_transaction_left_open(either: SqliteStore) -> None:
    """It is rolled back, and said so."""

    def forgetful(connection: sqlite3.Connection) -> None:
        connection.execute("begin")
        connection.execute("create table t (id integer primary key)")

    with pytest.raises(StoreError, match="left a transaction open"):
        await either.run(forgetful)
    with pytest.raises(UnknownTableError):
        await either.count(Count("t"))


async def test_run_translates_sqlites_errors_and_passes_others(either: SqliteStore) -> None:
    """Whatever happens, the connection stays usable and outside of a transaction."""

    def fail(connection: sqlite3.Connection) -> None:
        connection.execute("begin")
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        await either.run(fail)
    with pytest.raises(SchemaError):
        await either.run(lambda connection: connection.execute("selec 1").close())
    assert await either.run(lambda connection: connection.in_transaction) is False


async def test_run_is_interrupted_at_its_deadline(either: SqliteStore) -> None:
    """A statement without end does not outlast the timeout."""
    endless = "with recursive n (i) as (select 1 union all select i + 1 from n) select count(*) from n"
    with pytest.raises(StoreTimeoutError) as caught:
        await either.run(lambda connection: connection.execute(endless).fetchone(), timeout=0.05)
    assert caught.value.sqlstate == "57014"


async def test_closed_store_refuses_calls(either: SqliteStore) -> None:
    """Clearly, and closing twice is fine."""
    await either.close()
    await either.close()
    for call in (either.count(Count("t")), either.insert(Insert("t", [{"id": 1}])), either.run(lambda _: None)):
        with pytest.raises(UnavailableError) as caught:
            await call
        assert caught.value.sqlstate == "08003"
    assert not (await either.health()).healthy
    with pytest.raises(UnavailableError):
        async for _ in either.stream(Select("t")):
            pass
    with pytest.raises(UnavailableError):
        async with either.transaction():
            pass


async def test_closing_leaves_no_threads_and_no_log_files(path: Path) -> None:
    """Everything that was opened is closed: threads end, the write-ahead log is put away."""
    before = set(threading.enumerate())
    store = await SqliteStore.open(path)
    await store.run(lambda connection: connection.execute("create table t (id integer primary key)").close())
    await store.insert(Insert("t", [{"id": n} for n in range(10)]))
    stream = store.stream(Select("t"), chunk_rows=2)
    assert await anext(stream) == {"id": 0}
    await store.count(Count("t"))
    await store.close()
    with pytest.raises(UnavailableError):
        async for _ in stream:
            pass
    for thread in set(threading.enumerate()) - before:
        thread.join(5)
    assert not set(threading.enumerate()) - before
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    gc.collect()


async def test_health_answers(either: SqliteStore) -> None:
    """One cheap query."""
    health = await either.health()
    assert (health.store, health.healthy, health.error) == ("sqlite", True, None)
    assert health.response_seconds is not None
    assert health.response_seconds > 0


async def test_observers_hear_of_each_call(path: Path) -> None:
    """What was called, on which table, how many rows, and how it failed."""
    events: list[CallEvent] = []
    store = await SqliteStore.open(path, observers=[events.append])
    await store.run(lambda connection: connection.execute("create table t (id integer primary key)").close())
    await store.insert(Insert("t", [{"id": n} for n in range(3)]))
    await store.select(Select("t", limit=2))
    await store.update(Update("t", {"id": 9}, col("id").eq(1)))
    async with store.transaction() as tx:
        await tx.count(Count("t"))
    assert [row["id"] async for row in store.stream(Select("t"), chunk_rows=1)] == [0, 2, 9]
    with pytest.raises(UnknownTableError):
        await store.select(Select("nowhere"))
    await store.close()
    seen = [(event.operation, event.table, event.rows, event.error) for event in events]
    assert seen == [
        ("insert", "t", 3, None),
        ("select", "t", 2, None),
        ("update", "t", 1, None),
        ("count", "t", 1, None),
        ("stream", "t", 3, None),
        ("select", "nowhere", 0, "UnknownTableError"),
    ]
    assert all(event.store == "sqlite" and event.duration_seconds > 0 for event in events)


async def test_schema_is_read_again_when_a_name_is_unknown(store: SqliteStore, define: Define) -> None:
    """Tables and columns that came meanwhile are found; asking for the catalog is quick."""
    catalog = await store.catalog()
    assert await store.catalog() is catalog
    define("create table t (id integer primary key)")
    assert await store.count(Count("t")) == 0
    define("alter table t add column word text default 'new'")
    assert (await store.insert(Insert("t", [{"id": 1, "word": "x"}]))).rows == [{"id": 1, "word": "x"}]
    assert "t" in (await store.catalog()).tables


def define_read_only(path: Path) -> None:
    """Take away the right to write, where that means something."""
    path.chmod(stat.S_IRUSR)
    if os.access(path, os.W_OK):
        pytest.skip("this user may write every file")


async def test_read_only_file_refuses_writes(path: Path, define: Define) -> None:
    """It is read as usual, and a write says what to look at."""
    define("create table t (id integer primary key); insert into t values (1)")
    define_read_only(path)
    store = await SqliteStore.open(path)
    assert await store.count(Count("t")) == 1
    with pytest.raises(AccessDeniedError) as caught:
        await store.insert(Insert("t", [{"id": 2}]))
    assert caught.value.sqlstate == "25006"
    await store.close()


async def test_chunks_have_at_least_one_row(either: SqliteStore) -> None:
    """A chunk of none would never end."""
    with pytest.raises(InvalidValueError):
        async for _ in either.stream(Select("t"), chunk_rows=0):
            pass


async def test_invalid_utf8_is_an_error_without_the_text(memory: SqliteStore) -> None:
    """Foreign programs store bytes as text; the error does not quote them."""

    def damage(connection: sqlite3.Connection) -> None:
        connection.execute("create table t (id integer primary key, word text)")
        connection.execute("insert into t (word) values (cast(x'73656372657461ff' as text))")

    await memory.run(damage)
    with pytest.raises(DataLayerError) as caught:
        await memory.select(Select("t"))
    assert "secreta" not in str(caught.value)
