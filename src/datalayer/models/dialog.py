"""Talks with clients: context, messages, actions."""

from __future__ import annotations

from uuid import UUID

from datalayer.models.base import GENERATED, RowModel
from datalayer.models.columns import CrmId, Json, Timestamp


class DialogContext(RowModel):
    """Where a talk with a client stands; one per user."""

    id: UUID = GENERATED
    user_id: str
    state: str | None = None
    data: Json = None
    messages: Json = None
    created_at: Timestamp | None = None
    updated_at: Timestamp | None = None
    client_id: int | None = None
    last_activity: Timestamp | None = None
    message_count: int | None = None
    last_booking_id: UUID | None = None
    session_type: str | None = None
    context_metadata: Json = None
    company_id: CrmId | None = None


class Message(RowModel):
    """A message to or from a client."""

    id: UUID = GENERATED
    company_id: CrmId | None = None
    client_phone: str | None = None
    direction: str | None = None
    content: str | None = None
    message_type: str | None = None
    status: str | None = None
    created_at: Timestamp | None = None
    metadata: Json = None
    platform: str | None = None


class Action(RowModel):
    """Something the receptionist did, or is to do."""

    id: UUID = GENERATED
    company_id: CrmId | None = None
    client_phone: str | None = None
    action_type: str | None = None
    action_data: Json = None
    status: str | None = None
    created_at: Timestamp | None = None
    executed_at: Timestamp | None = None
