"""Bookings, and what is sent about them."""

from __future__ import annotations

from uuid import UUID

from datalayer.models.base import GENERATED, RowModel
from datalayer.models.columns import CrmId, Date, Integers, Number, Texts, Timestamp, ZonedTimestamp


class Booking(RowModel):
    """A booking, as synchronised with the CRM. ``datetime`` is the salon's clock: give it without a zone."""

    id: UUID = GENERATED
    yclients_record_id: CrmId
    company_id: CrmId | None = None
    client_phone: str | None = None
    client_name: str | None = None
    client_yclients_id: int | None = None
    staff_id: int | None = None
    staff_name: str | None = None
    services: Texts | None = None
    service_ids: Integers | None = None
    datetime: Timestamp
    date: Date | None = None
    duration: int | None = None
    cost: Number | None = None
    prepaid: Number | None = None
    status: str | None = None
    visit_attendance: int | None = None
    comment: str | None = None
    online: bool | None = None
    record_hash: str | None = None
    created_at: Timestamp | None = None
    updated_at: Timestamp | None = None
    synced_at: Timestamp | None = None
    created_by_bot: bool | None = None


class Reminder(RowModel):
    """A reminder of a booking, sent or to be sent."""

    id: UUID = GENERATED
    booking_id: UUID
    remind_at: Timestamp
    channel: str | None = None
    sent_at: Timestamp | None = None
    status: str | None = None


class BookingNotification(RowModel):
    """A notification about a booking: one per record, phone, type and day."""

    id: int = GENERATED
    yclients_record_id: CrmId
    company_id: CrmId
    phone: str
    notification_type: str
    message: str | None = None
    sent_at: ZonedTimestamp = GENERATED
    status: str | None = None
    error_message: str | None = None
    created_at: ZonedTimestamp | None = None
    notification_date: Date | None = None
