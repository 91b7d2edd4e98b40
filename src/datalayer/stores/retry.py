"""A transaction that runs again when a concurrent one got in its way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from datalayer.errors import TransactionConflictError
from datalayer.stores.contract import Isolation, Session

T = TypeVar("T")


async def run_transaction(
    store: Session,
    work: Callable[[Session], Awaitable[T]],
    *,
    attempts: int = 5,
    isolation: Isolation | None = "serializable",
    read_only: bool = False,
    timeout: float | None = None,
) -> T:
    """Run ``work`` in a transaction; begin anew after a serialization failure or deadlock.

    Args:
        work: called with the transaction once per attempt; must have no effect outside of it.
        attempts: transactions at most. Between them it waits 0.02 s, doubling, with jitter, 1 s at most.
        timeout: seconds for each statement and lock of each attempt.

    Raises:
        TransactionConflictError: the last attempt conflicted as well.

    Only 40001 and 40P01 are retried: there the server says that nothing was kept. An unknown outcome never is.
    """
    import stamina

    async for attempt in stamina.retry_context(
        on=TransactionConflictError,
        attempts=attempts,
        timeout=None,
        wait_initial=0.02,
        wait_max=1.0,
        wait_jitter=0.05,
        wait_exp_base=2,
    ):
        with attempt:
            async with store.transaction(isolation=isolation, read_only=read_only, timeout=timeout) as transaction:
                return await work(transaction)
    raise AssertionError("the last attempt returns or raises")
