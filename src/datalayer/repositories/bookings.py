"""Bookings, and what is sent about them."""

from __future__ import annotations

import datetime as dt

from datalayer.models import Booking, BookingNotification, Reminder
from datalayer.query import asc, col
from datalayer.repositories.base import BaseRepository
from datalayer.repositories.questions import DEFAULT_LIMIT
from datalayer.repositories.reads import given


class BookingRepository(BaseRepository[Booking]):
    """Bookings of all salons, by the salon's clock."""

    model = Booking
    table = "bookings"
    key = ("yclients_record_id", "company_id")
    order = (asc("datetime"),)
    stamps = ("updated_at", "synced_at")

    async def find_by_record_id(
        self, yclients_record_id: int, company_id: int | None = None, *, timeout: float | None = None
    ) -> Booking | None:
        """Return the booking with this record id in the CRM, or None."""
        equal = self._checked(yclients_record_id=yclients_record_id, **given(company_id=company_id))
        return await self.find(timeout=timeout, **equal)


class ReminderRepository(BaseRepository[Reminder]):
    """Reminders of bookings, the soonest first."""

    model = Reminder
    table = "reminders"
    key = ("id",)
    order = (asc("remind_at"),)

    async def list_due(
        self, until: dt.datetime, *, limit: int = DEFAULT_LIMIT, timeout: float | None = None
    ) -> list[Reminder]:
        """Return reminders for this time or earlier that were not sent."""
        where = col("remind_at").lte(self._checked(remind_at=until)["remind_at"]) & col("sent_at").is_null()
        return await self.list(where, limit=limit, timeout=timeout)


class BookingNotificationRepository(BaseRepository[BookingNotification]):
    """Notifications about bookings: one per record, phone, type and day."""

    model = BookingNotification
    table = "booking_notifications"
    key = ("yclients_record_id", "phone", "notification_type", "notification_date")
