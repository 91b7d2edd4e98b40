"""Staff and their schedules."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from datalayer.models import StaffMember, StaffSchedule
from datalayer.query import Filter, Row, asc, col, where_equal
from datalayer.repositories.arguments import checked
from datalayer.repositories.base import BaseRepository
from datalayer.repositories.questions import DEFAULT_LIMIT
from datalayer.repositories.reads import given


class StaffRepository(BaseRepository[StaffMember]):
    """Staff of all salons, by name."""

    model = StaffMember
    table = "staff"
    key = ("yclients_id", "company_id")
    order = (asc("name"),)
    stamps = ("updated_at",)

    async def find_by_yclients_id(
        self, yclients_id: int, company_id: int, *, timeout: float | None = None
    ) -> StaffMember | None:
        """Return the staff member with this id in the CRM, or None."""
        return await self.find(timeout=timeout, **self._checked(yclients_id=yclients_id, company_id=company_id))

    async def list_for_company(
        self, company_id: int, *, include_inactive: bool = False, timeout: float | None = None
    ) -> list[StaffMember]:
        """Return all staff of a salon."""
        equal = self._checked(company_id=company_id)
        if not checked(include_inactive=include_inactive)["include_inactive"]:
            equal["is_active"] = True
        return await self._all(where_equal(**equal), timeout=timeout)

    async def active_yclients_ids(self, company_id: int, *, timeout: float | None = None) -> list[int]:
        """Return the CRM ids of a salon's active staff, in ascending order."""
        where = where_equal(**self._checked(company_id=company_id), is_active=True)
        return await self._column("yclients_id", where, timeout=timeout)

    async def deactivate_all(self, company_id: int, *, timeout: float | None = None) -> int:
        """Make all staff of a salon inactive and return how many were active."""
        equal = self._checked(company_id=company_id)
        return await self.update({"is_active": False}, is_active=True, timeout=timeout, **equal)

    async def names_by_yclients_ids(
        self, company_id: int, yclients_ids: Iterable[int], *, timeout: float | None = None
    ) -> dict[int, str]:
        """Return the names of those staff that exist, by id in the CRM."""
        where = where_equal(**self._checked(company_id=company_id)) & col("yclients_id").in_(yclients_ids)
        return await self._mapping("yclients_id", "name", where, timeout=timeout)


class StaffScheduleRepository(BaseRepository[StaffSchedule]):
    """Working days of all staff, by day and name. A staff id is the CRM's; a range of dates has both its ends."""

    model = StaffSchedule
    table = "staff_schedules"
    key = ("yclients_staff_id", "date", "company_id")
    order = (asc("date"), asc("staff_name"))
    stamps = ("last_updated",)

    async def search(
        self,
        company_id: int,
        *,
        staff_id: int | None = None,
        staff_name: str | None = None,
        date_from: dt.date | str | None = None,
        date_to: dt.date | str | None = None,
        is_working: bool | None = None,
        limit: int = DEFAULT_LIMIT,
        timeout: float | None = None,
    ) -> list[StaffSchedule]:
        """Return a salon's schedules that match everything given."""
        equal = self._checked(company_id=company_id, **given(staff_name=staff_name, is_working=is_working))
        if staff_id is not None:
            equal |= _staff(staff_id)
        return await self.list(self._between(date_from, date_to), limit=limit, timeout=timeout, **equal)

    async def find_day(
        self, staff_id: int, date: dt.date | str, company_id: int | None = None, *, timeout: float | None = None
    ) -> StaffSchedule | None:
        """Return one day of one staff member, or None."""
        equal = _staff(staff_id) | self._checked(date=date, **given(company_id=company_id))
        return await self.find(timeout=timeout, **equal)

    async def list_for_staff(
        self,
        company_id: int,
        staff_ids: Iterable[int],
        date_from: dt.date | str,
        date_to: dt.date | str,
        *,
        timeout: float | None = None,
    ) -> list[StaffSchedule]:
        """Return all schedules of these staff in a range of dates."""
        where = where_equal(**self._checked(company_id=company_id)) & col("yclients_staff_id").in_(staff_ids)
        return await self._all(_and(where, self._between(date_from, date_to)), timeout=timeout)

    async def working_days(
        self,
        company_id: int,
        staff_id: int,
        date_from: dt.date | str,
        date_to: dt.date | str,
        *,
        timeout: float | None = None,
    ) -> list[dt.date]:
        """Return the days on which a staff member works, the first one first."""
        equal = self._checked(company_id=company_id) | _staff(staff_id)
        where = _and(where_equal(**equal, is_working=True), self._between(date_from, date_to))
        return await self._column("date", where, timeout=timeout)

    async def delete_older_than(
        self, date: dt.date | str, company_id: int | None = None, *, timeout: float | None = None
    ) -> int:
        """Delete the schedules of days before this one, of one salon or of all, and return how many."""
        day = self._checked(date=date)["date"]
        return await self.delete(col("date").lt(day), timeout=timeout, **self._checked(**given(company_id=company_id)))

    @staticmethod
    def _between(date_from: dt.date | str | None, date_to: dt.date | str | None) -> Filter | None:
        where: Filter | None = None
        if date_from is not None:
            where = col("date").gte(checked(date_from=date_from)["date_from"])
        if date_to is not None:
            where = _and(col("date").lte(checked(date_to=date_to)["date_to"]), where)
        return where


def _staff(staff_id: int) -> Row:
    return {"yclients_staff_id": checked(staff_id=staff_id)["staff_id"]}


def _and(one: Filter, other: Filter | None) -> Filter:
    return one if other is None else one & other
