"""Transactions, savepoints, and what other tasks see of them."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import suppress
from pathlib import Path

import pytest

from datalayer.errors import (
    AccessDeniedError,
    ForeignKeyViolationError,
    StoreError,
    StoreTimeoutError,
    UnavailableError,
    UniqueViolationError,
    UnknownColumnError,
    UnsupportedOperationError,
)
from datalayer.query import Count, Delete, Insert, Select, col
from datalayer.stores.contract import Session
from datalayer.stores.sqlite import SqliteStore

ALL = Count("t")


@pytest.fixture
async def table(either: SqliteStore) -> SqliteStore:
    """Make a table."""
    ddl = "create table t (id integer primary key, up int4 references t (id) deferrable initially deferred)"
    await either.run(lambda connection: connection.execute(ddl).close())
    return either


async def put(session: Session, *ids: int) -> None:
    """Insert rows."""
    await session.insert(Insert("t", [{"id": number} for number in ids]))


async def test_transaction_keeps_all_or_nothing(table: SqliteStore) -> None:
    """Leaving normally commits, leaving by an error rolls back."""
    async with table.transaction() as tx:
        await put(tx, 1)
        assert await tx.count(ALL) == 1
    with suppress(LookupError):
        async with table.transaction() as tx:
            await put(tx, 2)
            raise LookupError
    assert await table.count(ALL) == 1


async def test_transaction_that_has_ended_refuses_calls(table: SqliteStore) -> None:
    """Its statements would otherwise run outside."""
    async with table.transaction(isolation="serializable") as tx, tx.transaction() as nested:
        pass
    for session in (tx, nested):
        with pytest.raises(UnsupportedOperationError, match="ended"):
            await put(session, 1)
        with pytest.raises(UnsupportedOperationError):
            async for _ in session.stream(Select("t")):
                pass
        with pytest.raises(UnsupportedOperationError):
            async with session.transaction():
                pass


async def test_other_tasks_never_join_a_transaction(table: SqliteStore) -> None:
    """A write of another task waits for its turn and is kept though the transaction is rolled back."""
    opened, written = asyncio.Event(), asyncio.Event()

    async def other() -> None:
        await opened.wait()
        await put(table, 9)
        written.set()

    task = asyncio.create_task(other())
    with suppress(LookupError):
        async with table.transaction() as tx:
            await put(tx, 1)
            opened.set()
            await asyncio.sleep(0)
            assert await tx.count(ALL) == 1
            assert not written.is_set()
            raise LookupError
    await task
    assert [row["id"] for row in await table.select(Select("t"))] == [9]


async def test_readers_do_not_wait_for_a_transaction(store: SqliteStore) -> None:
    """On a file, reads outside see what is committed, at once."""
    await store.run(lambda connection: connection.execute("create table t (id integer primary key)").close())
    async with store.transaction() as tx:
        await put(tx, 1)
        assert await store.count(ALL, timeout=1.0) == 0
    assert await store.count(ALL) == 1


async def test_write_outside_while_the_own_transaction_is_open_tells_why(table: SqliteStore) -> None:
    """Waiting for oneself ends with the deadline, and the hint says what to do."""
    async with table.transaction() as tx:
        await put(tx, 1)
        with pytest.raises(StoreTimeoutError, match="ask inside it") as caught:
            await table.insert(Insert("t", [{"id": 2}]), timeout=0.05)
        assert caught.value.sqlstate == "55P03"
        with pytest.raises(StoreTimeoutError):
            async with table.transaction(timeout=0.05):
                pass
    assert await table.count(ALL) == 1


async def test_savepoint_undoes_only_its_own(table: SqliteStore) -> None:
    """What failed inside is gone, what was before stays, at any depth."""
    async with table.transaction() as tx:
        await put(tx, 1)
        with suppress(UniqueViolationError):
            async with tx.transaction() as nested:
                await put(nested, 2)
                async with nested.transaction() as deeper:
                    await put(deeper, 3, 1)
        async with tx.transaction() as nested:
            await put(nested, 4)
            with suppress(LookupError):
                async with nested.transaction() as deeper:
                    await put(deeper, 5)
                    raise LookupError
    assert [row["id"] for row in await table.select(Select("t"))] == [1, 4]


async def test_failed_statement_spoils_the_transaction(table: SqliteStore) -> None:
    """As on PostgreSQL: what follows is refused, and nothing is kept."""

    async def go_on() -> None:
        async with table.transaction() as tx:
            await put(tx, 1)
            with pytest.raises(UniqueViolationError):
                await put(tx, 2, 1)
            with pytest.raises(StoreError) as refused:
                await tx.count(ALL)
            assert refused.value.sqlstate == "25P02"

    with pytest.raises(StoreError) as ended:
        await go_on()
    assert ended.value.sqlstate == "25P02"
    assert await table.count(ALL) == 0


async def test_question_that_was_never_sent_spoils_nothing(table: SqliteStore) -> None:
    """An unknown column is found before SQLite is asked."""
    async with table.transaction() as tx:
        await put(tx, 1)
        with pytest.raises(UnknownColumnError):
            await tx.select(Select("t", col("nowhere").eq(1)))
    assert await table.count(ALL) == 1


async def test_read_only_transaction_refuses_writes(table: SqliteStore) -> None:
    """With PostgreSQL's SQLSTATE; afterwards the store writes again."""
    await put(table, 1)

    async def write() -> None:
        async with table.transaction(read_only=True) as tx:
            assert await tx.count(ALL) == 1
            await tx.delete(Delete("t", every_row=True))

    with pytest.raises(AccessDeniedError) as caught:
        await write()
    assert caught.value.sqlstate == "25006"
    await put(table, 2)
    assert await table.count(ALL) == 2


async def test_read_only_transaction_sees_one_moment(store: SqliteStore) -> None:
    """On a file others may write meanwhile; it does not see it."""
    await store.run(lambda connection: connection.execute("create table t (id integer primary key)").close())
    async with store.transaction(read_only=True) as tx:
        await put(store, 1)
        assert await tx.count(ALL) == 0
        assert [row async for row in tx.stream(Select("t"))] == []
    assert await store.count(ALL) == 1


async def test_nested_transaction_cannot_change_the_mode(table: SqliteStore) -> None:
    """The outermost transaction decides."""
    async with table.transaction() as tx:
        for nested in (tx.transaction(read_only=True), tx.transaction(isolation="serializable")):
            with pytest.raises(UnsupportedOperationError):
                async with nested:
                    pass


async def test_deferred_constraint_fails_at_commit(table: SqliteStore) -> None:
    """The commit's error has the class of any other, and nothing is kept."""
    with pytest.raises(ForeignKeyViolationError) as caught:
        async with table.transaction() as tx:
            await tx.insert(Insert("t", [{"id": 1, "up": 5}]))
    assert caught.value.operation == "commit"
    assert await table.count(ALL) == 0
    await put(table, 1)


async def test_tasks_may_share_a_transaction(table: SqliteStore) -> None:
    """Its statements come one after the other."""
    async with table.transaction() as tx:
        await asyncio.gather(*(put(tx, number) for number in range(50)))
    assert await table.count(ALL) == 50


async def test_many_writers_take_turns(table: SqliteStore) -> None:
    """Nobody is starved and nothing is lost."""

    async def work(number: int) -> None:
        async with table.transaction() as tx:
            before = await tx.count(ALL)
            await put(tx, number)
            assert await tx.count(ALL) == before + 1

    await asyncio.gather(*(work(number) for number in range(40)))
    assert await table.count(ALL) == 40


async def test_lock_of_another_process_is_waited_for_or_given_up(store: SqliteStore, path: Path) -> None:
    """Within the deadline the write goes through, beyond it fails as a lock timeout."""
    await store.run(lambda connection: connection.execute("create table t (id integer primary key)").close())
    other = sqlite3.connect(path, isolation_level=None)
    try:
        other.execute("begin immediate")
        for call in (store.insert(Insert("t", [{"id": 1}]), timeout=0.2), _begin(store, 0.2)):
            with pytest.raises(StoreTimeoutError) as caught:
                await call
            assert caught.value.sqlstate == "55P03"
        waiting = asyncio.create_task(store.insert(Insert("t", [{"id": 2}, {"id": 3}])))
        await asyncio.sleep(0)
        other.execute("commit")
        await waiting
    finally:
        other.close()
    assert await store.count(ALL) == 2


async def _begin(store: SqliteStore, timeout: float) -> None:
    async with store.transaction(timeout=timeout):
        raise AssertionError("the lock was not free")


async def test_closing_rolls_an_open_transaction_back(table: SqliteStore) -> None:
    """Its next statement says that the store is closed."""

    async def go_on() -> None:
        async with table.transaction() as tx:
            await put(tx, 1)
            await table.close()
            await put(tx, 2)

    with pytest.raises(UnavailableError):
        await go_on()
