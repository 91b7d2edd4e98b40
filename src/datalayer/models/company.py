"""Salons."""

from __future__ import annotations

from datalayer.models.base import GENERATED, RowModel
from datalayer.models.columns import CrmId, Json, Number, Texts, Timestamp, Title, ZonedTimestamp


class Company(RowModel):
    """A salon, as the CRM and the integrations know it."""

    id: int = GENERATED
    company_id: CrmId
    yclients_id: CrmId | None = None
    title: Title | None = None
    address: str | None = None
    phone: str | None = None
    email: str | None = None
    website: str | None = None
    timezone: str | None = None
    working_hours: str | None = None
    coordinate_lat: Number | None = None
    coordinate_lon: Number | None = None
    currency: str | None = None
    ai_enabled: bool | None = None
    sync_enabled: bool | None = None
    created_at: Timestamp | None = None
    updated_at: Timestamp | None = None
    last_sync_at: Timestamp | None = None
    raw_data: Json = None
    whatsapp_enabled: bool | None = None
    whatsapp_config: Json = None
    whatsapp_connected: bool | None = None
    whatsapp_phone: str | None = None
    whatsapp_connected_at: Timestamp | None = None
    integration_status: str | None = None
    connected_at: Timestamp | None = None
    marketplace_user_id: str | None = None
    marketplace_user_name: str | None = None
    marketplace_user_phone: str | None = None
    marketplace_user_email: str | None = None
    whatsapp_session_data: Json = None
    api_key: str | None = None
    webhook_secret: str | None = None
    last_payment_date: Timestamp | None = None
    subscription_expires_at: ZonedTimestamp | None = None
    whatsapp_channel_enabled: bool | None = None
    sms_channel_enabled: bool | None = None
    sms_short_names: Texts | None = None
    disconnected_at: ZonedTimestamp | None = None
    status: str | None = None
    telegram_enabled: bool | None = None
    telegram_premium_until: Timestamp | None = None
