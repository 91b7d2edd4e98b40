"""The application that goes on writing while its stores are joined, filled, switched and stopped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from time import perf_counter
from typing import Final, TypeAlias

from datalayer.demo.report import Writing
from datalayer.demo.salon import COMPANY_ID, NOW
from datalayer.errors import DataLayerError
from datalayer.layer import DataLayer
from datalayer.query import Row

_Write: TypeAlias = Callable[[int], Awaitable[object]]

#: Between two writes: a busy day of a busy salon.
_PAUSE_SECONDS: Final = 0.01
#: Beyond the numbers of the salon's own bookings.
_FIRST_RECORD: Final = 1_000_000_000
_OWN_CLIENTS: Final = 26


class Application:
    """Writes through one layer, one write after the other, and counts what becomes of them.

    It leaves the rows alone that the twenty calls are about: their answers are compared later.
    """

    def __init__(self, layer: DataLayer, salon: Mapping[str, Sequence[Row]]) -> None:
        self._writes = _writes(layer, salon)
        self._number = 0  # these four are changed by the writing task, and by who asks what was written
        self._made = 0
        self._errors: list[str] = []
        self._slowest = 0.0
        self._wrote = asyncio.Event()
        self._stopping = False
        self._task: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[None]:
        """Write until the end of the block; a write that has begun is ended."""
        self._stopping = False
        task = self._task = asyncio.create_task(self._write())
        try:
            yield
        finally:
            self._stopping = True
            await asyncio.wait({task})
        task.result()

    async def make(self, count: int) -> None:
        """Wait for so many more writes."""
        enough = self._made + count
        while self._made < enough and self._task is not None and not self._task.done():
            self._wrote.clear()
            await self._wrote.wait()

    def told(self) -> Writing:
        """Return what was written since it was asked last."""
        told = Writing(self._made, tuple(self._errors), self._slowest)
        self._made, self._errors, self._slowest = 0, [], 0.0
        return told

    async def _write(self) -> None:
        try:
            while not self._stopping:
                await self._make(self._number)
                self._number += 1
                await asyncio.sleep(_PAUSE_SECONDS)
        finally:
            self._wrote.set()

    async def _make(self, number: int) -> None:
        started = perf_counter()
        try:
            await self._writes[number % len(self._writes)](number)
        except DataLayerError as error:
            self._errors.append(type(error).__name__)
        self._made += 1
        self._slowest = max(self._slowest, perf_counter() - started)
        self._wrote.set()


def _writes(layer: DataLayer, salon: Mapping[str, Sequence[Row]]) -> list[_Write]:
    clients = [row for row in salon["clients"][_OWN_CLIENTS:] if "анна" not in (row["name"] or "").casefold()]
    talks, messages = salon["dialog_contexts"][1:], salon["messages"]

    def of(rows: Sequence[Row], number: int) -> Row:
        return rows[number % len(rows)]

    return [
        lambda n: layer.messages.insert(
            {"company_id": COMPANY_ID, "client_phone": of(clients, n)["phone"], "content": f"Вопрос {n} 🙂"}
        ),
        lambda n: layer.upsert_dialog_context(
            {"user_id": of(talks, n)["user_id"], "state": "confirming", "message_count": n}
        ),
        lambda n: layer.bookings.upsert(
            {
                "yclients_record_id": _FIRST_RECORD + n,
                "company_id": COMPANY_ID,
                "datetime": NOW.replace(tzinfo=None),
                "services": ["стрижка"],
                "status": "pending",
            }
        ),
        lambda n: layer.bookings.update(
            {"status": "confirmed"}, company_id=COMPANY_ID, yclients_record_id=_FIRST_RECORD + n - 1
        ),
        lambda n: layer.upsert_client(
            {
                "yclients_id": of(clients, n)["yclients_id"],
                "company_id": COMPANY_ID,
                "phone": of(clients, n)["phone"],
                "visit_count": n,
            }
        ),
        lambda n: layer.messages.delete(id=of(messages, n)["id"]),
    ]
