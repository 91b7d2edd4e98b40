"""Clients."""

from __future__ import annotations

from datalayer.models.base import GENERATED, RowModel
from datalayer.models.columns import CrmId, Date, Integers, Json, Name, Number, Phone, Texts, Timestamp


class Client(RowModel):
    """A client of a salon."""

    id: int = GENERATED
    yclients_id: CrmId
    name: Name | None = None
    phone: Phone
    raw_phone: str | None = None
    email: str | None = None
    discount: Number | None = None
    company_id: CrmId | None = None
    branch_ids: Integers | None = None
    tags: Texts | None = None
    status: str | None = None
    source: str | None = None
    created_at: Timestamp | None = None
    updated_at: Timestamp | None = None
    visit_count: int | None = None
    total_spent: Number | None = None
    first_visit_date: Date | None = None
    last_visit_date: Date | None = None
    last_services: Texts | None = None
    visit_history: Json = None
    preferences: Json = None
    last_sync_at: Timestamp | None = None
    loyalty_level: str | None = None
    client_segment: str | None = None
    average_bill: Number | None = None
    last_service_ids: Integers | None = None
    favorite_staff_ids: Integers | None = None
    preferred_time_slots: Texts | None = None
    blacklisted: bool | None = None
    notes: str | None = None
    created_by_ai: bool | None = None
    last_ai_interaction: Timestamp | None = None
    ai_context: Json = None
    ai_messages_count: int | None = None
    ai_satisfaction_score: Number | None = None
    services_amount: Number | None = None
    goods_amount: Number | None = None
    goods_purchases: Json = None
    goods_count: int | None = None
