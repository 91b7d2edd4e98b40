"""Pages asked for again while the other side has a bad moment, each behind the last row of the one before."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from datalayer.errors import OutcomeUnknownError, StoreError, StoreTimeoutError, UnavailableError
from datalayer.query import Count, Filter, Row, Select, col
from datalayer.stores.contract import Session

T = TypeVar("T")

#: On top of the store's own few: about two minutes in all, a restart of a server included.
_ATTEMPTS = 12
_FIRST_WAIT_SECONDS = 0.2
_LONGEST_WAIT_SECONDS = 15.0
_LONGEST_ANSWER_SECONDS = 60.0
#: What a gateway says when the server behind it has a bad moment, besides what the store calls unavailable.
_SERVER_FAILED = "XX"


async def patiently(ask: Callable[[], Awaitable[T]], *, writes: bool = False) -> T:
    """Ask again, with growing waits, while the other side is busy, failing or silent.

    Args:
        ask: only reads; or, with ``writes``, writes what may be written twice, as an upsert of the same rows by key.
    """
    import stamina

    async for attempt in stamina.retry_context(
        on=_may_pass_written if writes else _may_pass,
        attempts=_ATTEMPTS,
        timeout=None,
        wait_initial=_FIRST_WAIT_SECONDS,
        wait_max=_LONGEST_WAIT_SECONDS,
    ):
        with attempt:
            return await ask()
    raise AssertionError("the last attempt returns or raises")


async def count(session: Session, question: Count, *, timeout: float | None = None) -> int:
    """Count; over REST with patience."""
    if not over_rest(session):
        return await session.count(question, timeout=timeout)
    return await patiently(partial(session.count, question, timeout=_answer_seconds(timeout)))


async def select(session: Session, question: Select, *, timeout: float | None = None) -> list[Row]:
    """Read at once; over REST with patience."""
    if not over_rest(session):
        return await session.select(question, timeout=timeout)
    return await patiently(partial(session.select, question, timeout=_answer_seconds(timeout)))


def over_rest(session: Session) -> bool:
    """Whether each call is a request of its own, which a gateway may lose."""
    return getattr(session, "name", None) == "supabase"


def _answer_seconds(timeout: float | None) -> float | None:
    """Wait for a gateway's answer no longer than it takes to ask again."""
    return None if timeout is None else min(timeout, _LONGEST_ANSWER_SECONDS)


def _may_pass(error: Exception) -> bool:
    if isinstance(error, UnavailableError | StoreTimeoutError):
        return True
    return type(error) is StoreError and (error.sqlstate is None or error.sqlstate.startswith(_SERVER_FAILED))


def _may_pass_written(error: Exception) -> bool:
    return isinstance(error, OutcomeUnknownError) or _may_pass(error)


def after(key: Sequence[str], position: Sequence[Any] | None) -> Filter | None:
    """Return the filter for rows behind a position in the order of the key, which has no NULLs."""
    if position is None:
        return None
    found: Filter | None = None
    for name, value in reversed(list(zip(key, position, strict=True))):
        beyond: Filter = col(name).gt(value)
        found = beyond if found is None else beyond | (col(name).eq(value) & found)
    return found if len(key) == 1 or found is None else col(key[0]).gte(position[0]) & found
