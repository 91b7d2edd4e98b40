"""What arrives from the CRM and its marketplace."""

from __future__ import annotations

from datalayer.models import CompanySyncStatus, MarketplaceEvent, WebhookEvent
from datalayer.query import asc, desc
from datalayer.repositories.base import BaseRepository


class WebhookEventRepository(BaseRepository[WebhookEvent]):
    """Events received from the CRM, in the order they came."""

    model = WebhookEvent
    table = "webhook_events"
    key = ("event_id",)
    order = (asc("created_at"),)


class MarketplaceEventRepository(BaseRepository[MarketplaceEvent]):
    """Events received from the marketplace, in the order they came."""

    model = MarketplaceEvent
    table = "marketplace_events"
    key = ("id",)


class CompanySyncStatusRepository(BaseRepository[CompanySyncStatus]):
    """How synchronisations went, the latest first."""

    model = CompanySyncStatus
    table = "company_sync_status"
    key = ("id",)
    order = (desc("last_sync_at").nulls(first=False),)
