"""Shadow reads: some answers of the primary are compared with the other store's, after the caller has them.

A difference is *in flight* where an outbox entry owes a key of it, *transient* where both stores, once read again, are
equal, else *persistent*: it is counted by class, and its key is marked so that the relay makes it equal.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Final, Protocol, TypeAlias

from datalayer.errors import DataLayerError, StoreTimeoutError, UnavailableError
from datalayer.outbox.entries import Key
from datalayer.query import Count, Row, Select
from datalayer.routing.mismatches import Mismatch, compare_counts, compare_rows
from datalayer.routing.passing_store import PassingStore
from datalayer.routing.shadow_report import Method, Outcome, ShadowReport, ShadowTally
from datalayer.stores.contract import Store
from datalayer.tasks import end
from datalayer.telemetry import CallEvent, Observer, notify

#: Answers that wait to be compared; the oldest goes when there is no room.
_WAITING: Final = 100
#: Answers with more rows than this are not held.
_MOST_ROWS: Final = 1000
#: Share of the time that comparing may take of the event loop, callers in between.
_DUTY: Final = 0.04
#: Seconds before both are read again, once more after each.
_PAUSES: Final = (0.0, 0.05, 0.25)

_Answer: TypeAlias = "list[Row] | int"


class Owed(Protocol):
    """What the shadow asks and tells the outbox of the primary."""

    async def owes(self, table: str, keys: Sequence[Key] | None) -> bool:
        """Whether an entry is there for one of the keys, or for any row of the table."""

    async def mark(self, table: str, keys: Sequence[Key]) -> None:
        """Owe these keys to the other store."""


@dataclass(frozen=True, slots=True)
class _Sample:
    method: Method
    question: Select | Count
    answer: _Answer


class Shadow:
    """Compares samples one after the other, in a task of its own.

    Args:
        control: the primary.
        candidate: answers the other store, or None while it is away.
        owed: the outbox between them; None where there is none yet.
        timeout: seconds for each question.
    """

    def __init__(
        self,
        control: Store,
        candidate: Callable[[], Store | None],
        owed: Owed | None = None,
        *,
        timeout: float = 5.0,
        observers: Sequence[Observer] = (),
        tally: ShadowTally | None = None,
    ) -> None:
        self._control = control
        self._candidate = candidate
        self._owed = owed
        self._timeout = timeout
        self._observers = tuple(observers)
        self._tally = tally or ShadowTally()
        #: Appended to by callers, emptied by the task.
        self._waiting: deque[_Sample] = deque()
        self._arrived = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to compare what is offered."""
        self._task = asyncio.create_task(self._run(), name="datalayer shadow reads")

    async def stop(self) -> None:
        """Give up what waits; may be called twice."""
        task, self._task = self._task, None
        if task is not None:
            await end(task)

    def offer(self, method: Method, question: Select | Count, answer: _Answer) -> None:
        """Take an answer that a caller has been given; never waits."""
        if isinstance(answer, list):
            if len(answer) > _MOST_ROWS:
                return
            answer = [dict(row) for row in answer]
        if len(self._waiting) >= _WAITING:
            self._waiting.popleft()
            self._tally.dropped += 1
        self._waiting.append(_Sample(method, question, answer))
        self._idle.clear()
        self._arrived.set()

    async def drain(self) -> None:
        """Wait until everything that was offered is compared."""
        await self._idle.wait()

    def report(self) -> ShadowReport:
        """Return what was found since the start."""
        return self._tally.report()

    async def _run(self) -> None:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._waiting:
                started = perf_counter()
                await self._compare(self._waiting.popleft())
                if self._waiting:
                    await asyncio.sleep((perf_counter() - started) * (1 / _DUTY - 1))
            self._idle.set()

    async def _compare(self, sample: _Sample) -> None:
        started = perf_counter()
        mismatches: list[Mismatch] = []
        candidate = self._candidate()
        try:
            outcome: Outcome = "away"
            if candidate is not None:
                outcome, mismatches = await self._outcome(sample, candidate)
        except (UnavailableError, StoreTimeoutError):
            outcome = "away"
        except DataLayerError as error:
            outcome, mismatches = "persistent", [Mismatch("error", control=type(error).__name__)]
        table = sample.question.table
        self._tally.add(table, sample.method, outcome, mismatches)
        if self._observers and candidate is not None:
            kind = f"mismatch_{mismatches[0].kind}" if mismatches else None
            event = CallEvent(candidate.name, f"shadow_{sample.method}", table, perf_counter() - started, 0, kind)
            notify(self._observers, event)

    async def _outcome(self, sample: _Sample, candidate: Store) -> tuple[Outcome, list[Mismatch]]:
        if not _is_comparable(sample.question, sample.answer):
            return "skipped", []
        theirs = await self._ask(candidate, sample.question)
        mismatches = await self._mismatches(sample.question, sample.answer, theirs)
        if not mismatches:
            return "equal", []
        for pause in _PAUSES:
            if await self._is_owed(sample.question.table, mismatches):
                return "in_flight", []
            await asyncio.sleep(pause)
            ours = await self._ask(self._control, sample.question)
            theirs = await self._ask(candidate, sample.question)
            mismatches = await self._mismatches(sample.question, ours, theirs)
            if not mismatches:
                return "transient", []
        if await self._is_owed(sample.question.table, mismatches):
            return "in_flight", []
        await self._mark(sample.question.table, mismatches)
        return "persistent", mismatches

    async def _ask(self, store: Store, question: Select | Count) -> _Answer:
        if isinstance(question, Count):
            return await store.count(question, timeout=self._timeout)
        return await store.select(question, timeout=self._timeout)

    async def _mismatches(self, question: Select | Count, ours: _Answer, theirs: _Answer) -> list[Mismatch]:
        if isinstance(ours, int) or isinstance(theirs, int) or isinstance(question, Count):
            return compare_counts(_number(ours), _number(theirs))
        catalog = await self._control.catalog()
        key = catalog.tables[question.table].primary_key if question.table in catalog.tables else ()
        told = all(name in row for row in (*ours[:1], *theirs[:1]) for name in key)
        return compare_rows(ours, theirs, key if told else (), ordered=bool(question.order))

    async def _is_owed(self, table: str, mismatches: Sequence[Mismatch]) -> bool:
        if self._owed is None:
            return False
        keys = [found.key for found in mismatches if found.key is not None]
        return await self._owed.owes(table, keys if len(keys) == len(mismatches) else None)

    async def _mark(self, table: str, mismatches: Sequence[Mismatch]) -> None:
        keys = [found.key for found in mismatches if found.key is not None]
        if keys and self._owed is not None:
            await self._owed.mark(table, keys)


class ShadowedStore(PassingStore):
    """Answers as the inner store does, and offers some answers for comparison.

    Args:
        share: of reads outside of transactions, 0 to 1.
        chance: draws a number from 0 to 1 for each read.
    """

    def __init__(self, inner: Store, shadow: Shadow, share: float, chance: Callable[[], float] = random.random) -> None:
        super().__init__(inner)
        self._shadow = shadow
        self._share = share
        self._chance = chance

    async def select(self, question: Select, *, timeout: float | None = None) -> list[Row]:
        """Return the rows that match."""
        rows = await self.inner.select(question, timeout=timeout)
        if self._chance() < self._share:
            self._shadow.offer("select", question, rows)
        return rows

    async def count(self, question: Count, *, timeout: float | None = None) -> int:
        """Return how many rows match."""
        number = await self.inner.count(question, timeout=timeout)
        if self._chance() < self._share:
            self._shadow.offer("count", question, number)
        return number


def _is_comparable(question: Select | Count, answer: _Answer) -> bool:
    """Say no to a part of the rows that nothing chooses: each store may answer another one."""
    if isinstance(question, Count) or isinstance(answer, int) or question.order:
        return True
    return question.offset == 0 and (question.limit is None or len(answer) < question.limit)


def _number(answer: Any) -> int:
    return answer if isinstance(answer, int) else len(answer)
