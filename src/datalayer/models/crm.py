"""What arrives from the CRM and its marketplace."""

from __future__ import annotations

from uuid import UUID

from datalayer.models.base import GENERATED, RowModel
from datalayer.models.columns import CrmId, Json, Timestamp, ZonedTimestamp


class WebhookEvent(RowModel):
    """An event received from the CRM; ``event_id`` keeps it from being taken twice."""

    id: UUID = GENERATED
    event_id: str
    event_type: str
    company_id: CrmId
    record_id: int | None = None
    payload: Json
    processed_at: Timestamp | None = None
    created_at: Timestamp | None = None


class MarketplaceEvent(RowModel):
    """An event received from the CRM's marketplace."""

    id: int = GENERATED
    company_id: CrmId | None = None
    salon_id: CrmId
    event_type: str
    event_data: Json = None
    created_at: ZonedTimestamp | None = None


class CompanySyncStatus(RowModel):
    """How the last synchronisation of a salon went."""

    id: int = GENERATED
    company_id: CrmId
    last_sync_at: Timestamp | None = None
    last_sync_success: bool | None = None
    last_sync_error: str | None = None
    clients_synced: int | None = None
    services_synced: int | None = None
    staff_synced: int | None = None
    bookings_synced: int | None = None
    created_at: Timestamp | None = None
    updated_at: Timestamp | None = None
