"""Appointments of the CRM, kept for quick reading."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

from datalayer.errors import InvalidValueError
from datalayer.models import Appointment
from datalayer.query import Order, asc, col
from datalayer.repositories.arguments import checked
from datalayer.repositories.base import BaseRepository
from datalayer.repositories.questions import DEFAULT_LIMIT
from datalayer.repositories.reads import given

AppointmentOrder: TypeAlias = Literal["appointment_datetime", "created_at", "cost"]

UPCOMING_LIMIT = 10


class AppointmentRepository(BaseRepository[Appointment]):
    """Appointments of all salons."""

    model = Appointment
    table = "appointments_cache"
    key = ("yclients_record_id",)
    order = (asc("appointment_datetime"),)
    stamps = ("updated_at",)

    async def list_for_client(
        self,
        client_id: int,
        *,
        company_id: int | None = None,
        order_by: AppointmentOrder = "appointment_datetime",
        descending: bool = True,
        limit: int = DEFAULT_LIMIT,
        timeout: float | None = None,
    ) -> list[Appointment]:
        """Return a client's appointments, the newest first unless told otherwise; those without the value last."""
        if order_by not in get_args(AppointmentOrder):
            raise InvalidValueError(f"is one of {', '.join(get_args(AppointmentOrder))}", field="order_by")
        return await self.list(
            order=(Order(order_by, descending=descending),),
            limit=limit,
            timeout=timeout,
            **checked(client_id=client_id),
            **self._checked(**given(company_id=company_id)),
        )

    async def upcoming(
        self, client_id: int, company_id: int, *, limit: int = UPCOMING_LIMIT, timeout: float | None = None
    ) -> list[Appointment]:
        """Return a client's appointments from now on, neither cancelled nor deleted, the soonest first."""
        where = (
            col("appointment_datetime").gte(self._clock())
            & (col("is_cancelled").eq(False) | col("is_cancelled").is_null())
            & (col("deleted").eq(False) | col("deleted").is_null())
        )
        equal = checked(client_id=client_id) | self._checked(company_id=company_id)
        return await self.list(where, limit=limit, timeout=timeout, **equal)
