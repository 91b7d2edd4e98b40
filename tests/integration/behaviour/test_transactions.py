"""Transactions on the stores that have them, and the refusal of the one that has not."""

from __future__ import annotations

import asyncio
import contextlib
from typing import cast

import pytest
from tests.integration.behaviour.asking import put, read
from tests.integration.behaviour.failures import failure
from tests.integration.behaviour.subjects import Subject

from datalayer.errors import (
    AccessDeniedError,
    InvalidValueError,
    StoreError,
    StoreTimeoutError,
    UniqueViolationError,
    UnsupportedOperationError,
)
from datalayer.query import Count, Delete, Insert, Select, Update, Upsert, asc, col
from datalayer.stores.contract import Isolation, Session, Store

transactional = pytest.mark.parametrize("subject", ["sqlite", "postgres", "postgres-copy", "routed"], indirect=True)


async def count(session: Session) -> int:
    """Return how many samples there are."""
    return await session.count(Count("samples"))


@transactional
async def test_transaction_commits_when_its_block_ends(store: Store) -> None:
    """What was written inside is seen inside at once, and by all afterwards."""
    async with store.transaction() as tx:
        await put(tx, "samples", {"id": 1}, {"id": 2, "word": "x"})
        assert await count(tx) == 2
    assert await count(store) == 2


@transactional
async def test_transaction_rolls_back_on_an_error(store: Store) -> None:
    """Any exception undoes everything and comes out unchanged."""

    async def give_up() -> None:
        async with store.transaction() as tx:
            await put(tx, "samples", {"id": 1})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await give_up()
    assert await count(store) == 0


@transactional
async def test_failed_statement_rolls_the_transaction_back(store: Store) -> None:
    """A constraint broken in the middle undoes what came before."""
    with pytest.raises(UniqueViolationError):
        await _put_one_by_one(store, 1, 2, 1)
    assert await count(store) == 0


@transactional
async def test_block_that_swallowed_a_failed_statement_does_not_look_committed(store: Store) -> None:
    """The server keeps nothing of such a transaction, so leaving its block normally is an error."""

    async def swallow() -> None:
        async with store.transaction() as tx:
            await put(tx, "samples", {"id": 1})
            with contextlib.suppress(UniqueViolationError):
                await put(tx, "samples", {"id": 1})

    with pytest.raises(StoreError) as caught:
        await swallow()
    assert caught.value.sqlstate == "25P02"
    assert await count(store) == 0


async def _put_one_by_one(session: Session, *ids: int) -> None:
    async with session.transaction() as tx:
        for number in ids:
            await put(tx, "samples", {"id": number})


@transactional
async def test_every_verb_works_inside(store: Store) -> None:
    """A transaction is asked like the store itself."""
    assert await _ask_everything(store) == ["b", "c"]
    await store.delete(Delete("samples", every_row=True))
    async with store.transaction() as tx:
        assert tx.name == store.name
        assert await _ask_everything(tx) == ["b", "c"]


async def _ask_everything(session: Session) -> list[str]:
    await put(session, "samples", {"id": 1, "word": "a"}, {"id": 2, "word": "b"}, {"id": 9})
    await session.upsert(Upsert("samples", [{"id": 3, "word": "c"}, {"id": 9, "number": 1}], ("id",)))
    await session.update(Update("samples", {"number": 5}, col("id").in_([2, 3])))
    await session.delete(Delete("samples", col("word").eq("a")))
    assert await session.count(Count("samples", col("number").eq(5))) == 2
    streamed = [row["word"] async for row in session.stream(Select("samples", order=(asc("id"),)), chunk_rows=1)]
    assert streamed == ["b", "c", None]
    return [row["word"] for row in await read(session, "samples", col("number").eq(5))]


@transactional
async def test_nested_transaction_is_a_savepoint(store: Store) -> None:
    """An inner block that fails undoes itself only; one that succeeds stands or falls with the outer."""
    async with store.transaction() as tx:
        await put(tx, "samples", {"id": 1})
        with pytest.raises(UniqueViolationError):
            await _put_one_by_one(tx, 2, 1)
        async with tx.transaction() as inner:
            await put(inner, "samples", {"id": 3})
            async with inner.transaction() as innermost:
                await put(innermost, "samples", {"id": 4})
    assert [row["id"] for row in await read(store, "samples")] == [1, 3, 4]


@transactional
async def test_outer_rollback_undoes_a_finished_savepoint(store: Store) -> None:
    """Only the outermost block commits."""

    async def give_up() -> None:
        async with store.transaction() as tx:
            await _put_one_by_one(tx, 1, 2)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await give_up()
    assert await count(store) == 0


@transactional
async def test_batch_that_fails_inside_undoes_only_itself_when_caught(store: Store) -> None:
    """A batch of several shapes is all or nothing also in a savepoint, and the transaction goes on."""
    async with store.transaction() as tx:
        await put(tx, "samples", {"id": 1})
        with pytest.raises(UniqueViolationError):
            async with tx.transaction() as inner:
                await inner.insert(Insert("samples", [{"id": 2}, {"id": 3, "word": "x"}, {"id": 1}]))
        await put(tx, "samples", {"id": 5})
    assert [row["id"] for row in await read(store, "samples")] == [1, 5]


@transactional
async def test_read_only_transaction_reads_and_refuses_writes(store: Store) -> None:
    """read_only=True is kept by the database, not by good will."""
    await put(store, "samples", {"id": 1})
    async with store.transaction(read_only=True) as tx:
        assert await count(tx) == 1
    with pytest.raises(AccessDeniedError) as caught:
        async with store.transaction(read_only=True) as tx:
            await put(tx, "samples", {"id": 2})
    assert (caught.value.sqlstate, caught.value.table) == ("25006", "samples")
    assert await count(store) == 1
    await put(store, "samples", {"id": 3})


@transactional
@pytest.mark.parametrize("isolation", ["read committed", "repeatable read", "serializable"])
async def test_isolation_levels_are_accepted(store: Store, isolation: Isolation) -> None:
    """Every level commits; a store may give more than was asked for."""
    async with store.transaction(isolation=isolation) as tx:
        await put(tx, "samples", {"id": 1})
    assert await count(store) == 1


@transactional
@pytest.mark.parametrize("isolation", ["repeatable read", "serializable"])
async def test_isolated_reader_sees_one_state(store: Store, isolation: Isolation) -> None:
    """From repeatable read on, what others commit meanwhile does not show."""
    await put(store, "samples", {"id": 1})
    async with store.transaction(isolation=isolation, read_only=True) as tx:
        assert await count(tx) == 1
        await put(store, "samples", {"id": 2})
        assert await count(tx) == 1
    assert await count(store) == 2


@transactional
async def test_transaction_timeout_ends_a_blocked_statement(subject: Subject) -> None:
    """The timeout given to a transaction holds for what waits inside it, and everything is undone."""

    async def write() -> None:
        async with subject.store.transaction(timeout=0.2) as tx:
            await put(tx, "things", {"label": "x"})

    async with subject.writes_blocked():
        await failure(StoreTimeoutError, write())
    assert await subject.store.count(Count("things")) == 0


@transactional
async def test_other_tasks_write_is_not_joined(store: Store) -> None:
    """A write made through the store while a transaction is open stands apart: the rollback does not take it along."""
    opened, failing = asyncio.Event(), asyncio.Event()

    async def transact() -> None:
        async with store.transaction() as tx:
            await put(tx, "samples", {"id": 1})
            opened.set()
            await failing.wait()
            raise ZeroDivisionError

    transaction = asyncio.create_task(transact())
    await opened.wait()
    assert await count(store) == 0
    write = asyncio.create_task(put(store, "samples", {"id": 2}))
    await asyncio.wait({write}, timeout=0.05)
    failing.set()
    with pytest.raises(ZeroDivisionError):
        await transaction
    await write
    assert [row["id"] for row in await read(store, "samples")] == [2]


@transactional
async def test_ended_transaction_refuses_calls(store: Store) -> None:
    """A session kept past its block does not write behind everyone's back."""
    async with store.transaction() as tx:
        await put(tx, "samples", {"id": 1})
    with pytest.raises(UnsupportedOperationError):
        await put(tx, "samples", {"id": 2})
    assert await count(store) == 1


@pytest.mark.parametrize("subject", ["supabase"], indirect=True)
async def test_supabase_refuses_transactions_and_says_what_to_use(store: Store) -> None:
    """What cannot be kept is not promised: nothing inside the block runs."""
    with pytest.raises(UnsupportedOperationError) as caught:
        async with store.transaction() as tx:
            await put(tx, "samples", {"id": 1})
    assert (caught.value.store, bool(caught.value.instead)) == ("supabase", True)
    assert await count(store) == 0


@transactional
async def test_nested_transactions_of_two_tasks_at_once_are_refused(store: Store) -> None:
    """Savepoints of two tasks would end out of order; the second task is told so, the first goes on."""
    opened = asyncio.Event()
    refused = asyncio.Event()

    async def first(tx: Session) -> None:
        async with tx.transaction() as inner:
            await put(inner, "samples", {"id": 1})
            opened.set()
            await refused.wait()

    async def second(tx: Session) -> None:
        await opened.wait()
        try:
            async with tx.transaction() as inner:
                await put(inner, "samples", {"id": 2})
        finally:
            refused.set()

    async with store.transaction() as tx:
        answers = await asyncio.gather(first(tx), second(tx), return_exceptions=True)
    assert [type(answer) for answer in answers] == [type(None), UnsupportedOperationError]
    assert await count(store) == 1


@transactional
async def test_unknown_isolation_level_is_named(store: Store) -> None:
    """A slip in the word is told with the words there are."""
    with pytest.raises(InvalidValueError, match="serializable"):
        store.transaction(isolation=cast("Isolation", "serialisable"))
