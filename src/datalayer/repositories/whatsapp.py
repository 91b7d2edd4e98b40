"""WhatsApp sessions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from datalayer.models import WhatsappAuth, WhatsappKey
from datalayer.query import col, where_equal
from datalayer.repositories.base import BaseRepository


class WhatsappAuthRepository(BaseRepository[WhatsappAuth]):
    """Credentials, one row per salon."""

    model = WhatsappAuth
    table = "whatsapp_auth"
    key = ("company_id",)
    stamps = ("updated_at",)


class WhatsappKeyRepository(BaseRepository[WhatsappKey]):
    """Keys of sessions, many per salon."""

    model = WhatsappKey
    table = "whatsapp_keys"
    key = ("company_id", "key_type", "key_id")
    stamps = ("updated_at",)

    async def values_by_ids(
        self, company_id: str, key_type: str, key_ids: Iterable[str], *, timeout: float | None = None
    ) -> dict[str, Any]:
        """Return the values of those keys of one type that exist, by key id."""
        where = where_equal(company_id=company_id, key_type=key_type) & col("key_id").in_(key_ids)
        return await self._mapping("key_id", "value", where, timeout=timeout)

    async def delete_expired(self, *, timeout: float | None = None) -> int:
        """Delete the keys whose time has passed and return how many."""
        return await self.delete(col("expires_at").lt(self._clock()), timeout=timeout)
