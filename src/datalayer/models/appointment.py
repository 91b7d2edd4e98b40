"""Appointments of the CRM."""

from __future__ import annotations

from datalayer.models.base import GENERATED, RowModel
from datalayer.models.columns import CrmId, Json, Number, ZonedTimestamp


class Appointment(RowModel):
    """An appointment of the CRM, kept for quick reading."""

    id: int = GENERATED
    yclients_record_id: CrmId
    company_id: CrmId
    client_id: int | None = None
    client_phone: str | None = None
    service_id: int | None = None
    staff_id: int | None = None
    appointment_datetime: ZonedTimestamp | None = None
    cost: Number | None = None
    status: str | None = None
    is_cancelled: bool | None = None
    deleted: bool | None = None
    cancellation_reason: str | None = None
    raw_data: Json = None
    created_at: ZonedTimestamp | None = None
    updated_at: ZonedTimestamp | None = None
