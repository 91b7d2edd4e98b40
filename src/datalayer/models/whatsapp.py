"""WhatsApp sessions."""

from __future__ import annotations

from datalayer.models.base import RowModel
from datalayer.models.columns import Json, ZonedTimestamp


class WhatsappAuth(RowModel):
    """The credentials of a salon's WhatsApp session."""

    company_id: str
    creds: Json
    created_at: ZonedTimestamp | None = None
    updated_at: ZonedTimestamp | None = None


class WhatsappKey(RowModel):
    """One key of a salon's WhatsApp session."""

    company_id: str
    key_type: str
    key_id: str
    value: Json
    created_at: ZonedTimestamp | None = None
    updated_at: ZonedTimestamp | None = None
    expires_at: ZonedTimestamp | None = None
