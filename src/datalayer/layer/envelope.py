"""The named calls in envelopes, for call sites that were written against ``{success, data, error}`` answers.

answer = await layer.envelope.get_client_by_phone("+79990000000")
if answer.success: ...
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

from pydantic import BaseModel

from datalayer.errors import DataLayerError
from datalayer.layer.calls import Calls
from datalayer.repositories import Clock
from datalayer.stores.contract import Health

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Envelope(Generic[T]):
    """One answer.

    Args:
        success: whether the call did what it was asked.
        data: what the call returns; None where it failed or found nothing.
        operation: name of the call.
        timestamp: when the answer was made, UTC.
        error: what went wrong, without row values; None on success.
        count: rows in ``data``.
    """

    success: bool
    data: T | None
    operation: str
    timestamp: datetime
    error: str | None = None
    count: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Return plain containers: rows as dicts of Python values, the timestamp as ISO text."""
        return {
            "success": self.success,
            "data": _plain(self.data),
            "operation": self.operation,
            "timestamp": self.timestamp.isoformat(),
            "error": self.error,
            "count": self.count,
        }


def _enveloped(
    call: Callable[Concatenate[Calls, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[EnvelopeCalls, P], Coroutine[Any, Any, Envelope[T]]]:
    """Wrap a call, keeping its signature."""

    @functools.wraps(call)
    async def answer(self: EnvelopeCalls, /, *args: P.args, **kwargs: P.kwargs) -> Envelope[T]:
        return await self.wrap(call.__name__, call(self.calls, *args, **kwargs))

    return answer


class EnvelopeCalls:
    """Every named call, answering an :class:`Envelope`. Only the library's own errors become one; others are raised.

    Args:
        calls: a layer.
        health: its health check.
        clock: tells the time of the answer.
    """

    def __init__(self, calls: Calls, health: Callable[[], Awaitable[Health]], clock: Clock) -> None:
        self.calls = calls
        self._health = health
        self._clock = clock

    get_dialog_context = _enveloped(Calls.get_dialog_context)
    upsert_dialog_context = _enveloped(Calls.upsert_dialog_context)
    get_client_by_phone = _enveloped(Calls.get_client_by_phone)
    get_client_by_id = _enveloped(Calls.get_client_by_id)
    get_client_appointments = _enveloped(Calls.get_client_appointments)
    get_upcoming_appointments = _enveloped(Calls.get_upcoming_appointments)
    search_clients_by_name = _enveloped(Calls.search_clients_by_name)
    upsert_client = _enveloped(Calls.upsert_client)
    upsert_clients = _enveloped(Calls.upsert_clients)
    get_staff_by_id = _enveloped(Calls.get_staff_by_id)
    get_staff = _enveloped(Calls.get_staff)
    get_staff_schedules = _enveloped(Calls.get_staff_schedules)
    get_staff_schedule = _enveloped(Calls.get_staff_schedule)
    upsert_staff_schedules = _enveloped(Calls.upsert_staff_schedules)
    get_services = _enveloped(Calls.get_services)
    get_service_by_id = _enveloped(Calls.get_service_by_id)
    get_services_by_category = _enveloped(Calls.get_services_by_category)
    upsert_services = _enveloped(Calls.upsert_services)
    get_company = _enveloped(Calls.get_company)
    upsert_company = _enveloped(Calls.upsert_company)

    async def health_check(self) -> Envelope[Health]:
        """Ask one cheap query; not a success when the store is away."""
        health = await self._health()
        return Envelope(health.healthy, health, "health_check", self._clock(), health.error, 1)

    async def wrap(self, operation: str, answer: Awaitable[T]) -> Envelope[T]:
        """Await an answer and put it, or the library's error, into an envelope; for calls of one's own."""
        try:
            data = await answer
        except DataLayerError as error:
            return Envelope(False, None, operation, self._clock(), str(error))
        return Envelope(True, data, operation, self._clock(), count=_count(data))


def _count(data: object) -> int:
    if isinstance(data, list):
        return len(data)
    return 0 if data is None else 1


def _plain(data: object) -> Any:
    if isinstance(data, list):
        return [_plain(item) for item in data]
    if isinstance(data, BaseModel):
        return data.model_dump()
    return asdict(data) if isinstance(data, Health) else data
