"""Staff and their schedules."""

from __future__ import annotations

import datetime as dt

from datalayer.models.base import GENERATED, RowModel
from datalayer.models.columns import CrmId, Date, Integers, Json, Number, Timestamp, Title


class StaffMember(RowModel):
    """Someone who works at a salon."""

    id: int = GENERATED
    yclients_id: CrmId
    company_id: CrmId | None = None
    name: Title
    specialization: str | None = None
    position: str | None = None
    is_active: bool | None = None
    is_bookable: bool | None = None
    rating: Number | None = None
    votes_count: int | None = None
    comments_count: int | None = None
    avatar_url: str | None = None
    information: str | None = None
    service_ids: Integers | None = None
    email: str | None = None
    phone: str | None = None
    telegram: str | None = None
    experience_years: int | None = None
    level_name: str | None = None
    created_at: Timestamp | None = None
    updated_at: Timestamp | None = None
    last_sync_at: Timestamp | None = None
    raw_data: Json = None
    declensions: Json = None


class StaffSchedule(RowModel):
    """One day of one staff member. The salon is ``company_id``; the person ``yclients_staff_id``."""

    id: int = GENERATED
    yclients_staff_id: CrmId
    staff_name: str | None = None
    date: Date
    is_working: bool | None = None
    work_start: dt.time | None = None
    work_end: dt.time | None = None
    working_hours: str | None = None
    last_updated: Timestamp | None = None
    has_booking_slots: bool | None = None
    company_id: CrmId | None = None
