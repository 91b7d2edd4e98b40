"""The calls that application code makes by name: twenty, over the repositories of a layer or of a transaction.

Calls for one row answer the row or None. ``timeout`` is the deadline of the call in seconds; None takes the store's
default.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Literal

from datalayer.errors import InvalidValueError
from datalayer.models import Appointment, Client, Company, DialogContext, Service, StaffMember, StaffSchedule
from datalayer.models.writing import GivenRow
from datalayer.repositories import RepositorySet
from datalayer.repositories.appointments import AppointmentOrder
from datalayer.repositories.arguments import check_whole
from datalayer.repositories.questions import DEFAULT_LIMIT


class Calls(RepositorySet):
    """The repositories of one session, and the named calls over them."""

    async def get_dialog_context(self, user_id: str, *, timeout: float | None = None) -> DialogContext | None:
        """Return where the talk with this user stands, or None."""
        return await self.dialog_contexts.find_by_user(user_id, timeout=timeout)

    async def upsert_dialog_context(self, data: GivenRow, *, timeout: float | None = None) -> DialogContext:
        """Write a talk's context by user_id; last_activity and updated_at become the present."""
        return await self.dialog_contexts.upsert(data, timeout=timeout)

    async def get_client_by_phone(
        self, phone: str, company_id: int | None = None, *, timeout: float | None = None
    ) -> Client | None:
        """Return the client with this phone number, however it is written, or None.

        Raises:
            InvalidValueError: this is no phone number.
            MultipleRowsError: clients of several salons have it; give ``company_id``.
        """
        return await self.clients.find_by_phone(phone, company_id, timeout=timeout)

    async def get_client_by_id(
        self, yclients_id: int, company_id: int | None = None, *, timeout: float | None = None
    ) -> Client | None:
        """Return the client with this id in the CRM, or None."""
        return await self.clients.find_by_yclients_id(yclients_id, company_id, timeout=timeout)

    async def get_client_appointments(
        self,
        client_id: int,
        *,
        company_id: int | None = None,
        limit: int = DEFAULT_LIMIT,
        order_by: AppointmentOrder = "appointment_datetime",
        order_direction: Literal["asc", "desc"] = "desc",
        timeout: float | None = None,
    ) -> list[Appointment]:
        """Return a client's appointments, newest first unless told otherwise; 1,000 at most."""
        if order_direction not in ("asc", "desc"):
            raise InvalidValueError("is asc or desc", field="order_direction")
        return await self.appointments.list_for_client(
            client_id,
            company_id=company_id,
            order_by=order_by,
            descending=order_direction == "desc",
            limit=_limit(limit),
            timeout=timeout,
        )

    async def get_upcoming_appointments(
        self, client_id: int, company_id: int, *, timeout: float | None = None
    ) -> list[Appointment]:
        """Return a client's next 10 appointments that are not cancelled, the soonest first."""
        return await self.appointments.upcoming(client_id, company_id, timeout=timeout)

    async def search_clients_by_name(
        self, company_id: int, name: str, limit: int = DEFAULT_LIMIT, *, timeout: float | None = None
    ) -> list[Client]:
        r"""Return clients with this text in their name, in any case, the latest visitors first; 1,000 at most.

        ``%``, ``_`` and ``\`` stand for themselves.
        """
        return await self.clients.search_by_name(company_id, name, limit=_limit(limit), timeout=timeout)

    async def upsert_client(self, data: GivenRow, *, timeout: float | None = None) -> Client:
        """Write a client by (yclients_id, company_id): name trimmed, phone normalised, updated_at set."""
        return await self.clients.upsert(data, timeout=timeout)

    async def upsert_clients(self, rows: Iterable[GivenRow], *, timeout: float | None = None) -> list[Client]:
        """Write 1 to 500 clients likewise; ``clients.sync_many`` takes any number.

        Raises:
            BatchItemError: rows are bad; names every index and field, and nothing was written.
        """
        return await self.clients.upsert_many(rows, timeout=timeout)

    async def get_staff_by_id(
        self, yclients_id: int, company_id: int, *, timeout: float | None = None
    ) -> StaffMember | None:
        """Return the staff member with this id in the CRM, or None."""
        return await self.staff.find_by_yclients_id(yclients_id, company_id, timeout=timeout)

    async def get_staff(
        self, company_id: int, include_inactive: bool = False, *, timeout: float | None = None
    ) -> list[StaffMember]:
        """Return a salon's staff by name."""
        return await self.staff.list_for_company(company_id, include_inactive=include_inactive, timeout=timeout)

    async def get_staff_schedules(
        self,
        *,
        company_id: int,
        staff_id: int | None = None,
        staff_name: str | None = None,
        date_from: dt.date | str | None = None,
        date_to: dt.date | str | None = None,
        is_working: bool | None = None,
        limit: int = DEFAULT_LIMIT,
        timeout: float | None = None,
    ) -> list[StaffSchedule]:
        """Return a salon's schedules that match everything given, by date and name; 1,000 at most.

        Args:
            date_from: a date or an ISO date; the range has both its ends.
        """
        return await self.staff_schedules.search(
            company_id,
            staff_id=staff_id,
            staff_name=staff_name,
            date_from=date_from,
            date_to=date_to,
            is_working=is_working,
            limit=_limit(limit),
            timeout=timeout,
        )

    async def get_staff_schedule(
        self, staff_id: int, date: dt.date | str, company_id: int | None = None, *, timeout: float | None = None
    ) -> StaffSchedule | None:
        """Return one day of one staff member, or None."""
        return await self.staff_schedules.find_day(staff_id, date, company_id, timeout=timeout)

    async def upsert_staff_schedules(
        self, rows: Iterable[GivenRow], *, timeout: float | None = None
    ) -> list[StaffSchedule]:
        """Write 1 to 500 days by (yclients_staff_id, date, company_id); last_updated is set."""
        return await self.staff_schedules.upsert_many(rows, timeout=timeout)

    async def get_services(
        self, company_id: int, include_inactive: bool = False, *, timeout: float | None = None
    ) -> list[Service]:
        """Return all services of a salon, also beyond 1,000: the heaviest first, then by title."""
        return await self.services.list_for_company(company_id, include_inactive=include_inactive, timeout=timeout)

    async def get_service_by_id(
        self, yclients_id: int, company_id: int | None = None, *, timeout: float | None = None
    ) -> Service | None:
        """Return the service with this id in the CRM, or None."""
        return await self.services.find_by_yclients_id(yclients_id, company_id, timeout=timeout)

    async def get_services_by_category(
        self, company_id: int, category_id: int, *, timeout: float | None = None
    ) -> list[Service]:
        """Return a category's active services: the heaviest first, then by title."""
        return await self.services.list_by_category(company_id, category_id, timeout=timeout)

    async def upsert_services(self, rows: Iterable[GivenRow], *, timeout: float | None = None) -> list[Service]:
        """Write 1 to 500 services by (yclients_id, company_id): title trimmed, updated_at and last_sync_at set."""
        return await self.services.upsert_many(rows, timeout=timeout)

    async def get_company(self, company_id: int, *, timeout: float | None = None) -> Company | None:
        """Return the salon with this id in the CRM, or None."""
        return await self.companies.find_by_company_id(company_id, timeout=timeout)

    async def upsert_company(self, data: GivenRow, *, timeout: float | None = None) -> Company:
        """Write a salon by company_id; its title is required."""
        return await self.companies.upsert(data, timeout=timeout)


def _limit(limit: int) -> int:
    """Refuse a list of no rows; the upper bound is the repositories'."""
    check_whole("limit", limit, least=1)
    return limit
