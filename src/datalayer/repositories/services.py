"""Services."""

from __future__ import annotations

from collections.abc import Iterable

from datalayer.models import Service
from datalayer.query import asc, col, desc, where_equal
from datalayer.repositories.arguments import checked
from datalayer.repositories.base import BaseRepository
from datalayer.repositories.reads import given


class ServiceRepository(BaseRepository[Service]):
    """Services of all salons; the heaviest first, then by title."""

    model = Service
    table = "services"
    key = ("yclients_id", "company_id")
    order = (desc("weight"), asc("title"))
    stamps = ("updated_at", "last_sync_at")

    async def find_by_yclients_id(
        self, yclients_id: int, company_id: int | None = None, *, timeout: float | None = None
    ) -> Service | None:
        """Return the service with this id in the CRM, or None."""
        return await self.find(
            timeout=timeout, **self._checked(yclients_id=yclients_id, **given(company_id=company_id))
        )

    async def list_for_company(
        self, company_id: int, *, include_inactive: bool = False, timeout: float | None = None
    ) -> list[Service]:
        """Return all services of a salon, also beyond 1,000."""
        equal = self._checked(company_id=company_id)
        if not checked(include_inactive=include_inactive)["include_inactive"]:
            equal["is_active"] = True
        return await self._all(where_equal(**equal), timeout=timeout)

    async def list_by_category(
        self, company_id: int, category_id: int, *, timeout: float | None = None
    ) -> list[Service]:
        """Return all active services of a category."""
        equal = self._checked(company_id=company_id) | checked(category_id=category_id)
        return await self._all(where_equal(**equal, is_active=True), timeout=timeout)

    async def titles_by_yclients_ids(
        self, company_id: int, yclients_ids: Iterable[int], *, timeout: float | None = None
    ) -> dict[int, str]:
        """Return the titles of those services that exist, by id in the CRM."""
        where = where_equal(**self._checked(company_id=company_id)) & col("yclients_id").in_(yclients_ids)
        return await self._mapping("yclients_id", "title", where, timeout=timeout)
