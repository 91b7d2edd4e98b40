"""Clients."""

from __future__ import annotations

from collections.abc import Iterable

from datalayer.models import Client
from datalayer.query import col, desc, escape_like, where_equal
from datalayer.repositories.arguments import checked
from datalayer.repositories.base import BaseRepository
from datalayer.repositories.questions import DEFAULT_LIMIT
from datalayer.repositories.reads import given


class ClientRepository(BaseRepository[Client]):
    """Clients of all salons; a phone number belongs to one client of a salon."""

    model = Client
    table = "clients"
    key = ("yclients_id", "company_id")
    stamps = ("updated_at",)

    async def find_by_phone(
        self, phone: str, company_id: int | None = None, *, timeout: float | None = None
    ) -> Client | None:
        """Return the client with this phone number, however it is written, or None.

        Raises:
            MultipleRowsError: clients of several salons have it; give ``company_id``.
        """
        return await self.find(timeout=timeout, **self._checked(phone=phone, **given(company_id=company_id)))

    async def find_by_raw_phone(
        self, raw_phone: str, company_id: int | None = None, *, timeout: float | None = None
    ) -> Client | None:
        """Return the client whose phone number the CRM writes exactly so, or None."""
        return await self.find(timeout=timeout, **self._checked(raw_phone=raw_phone, **given(company_id=company_id)))

    async def find_by_yclients_id(
        self, yclients_id: int, company_id: int | None = None, *, timeout: float | None = None
    ) -> Client | None:
        """Return the client with this id in the CRM, or None."""
        return await self.find(
            timeout=timeout, **self._checked(yclients_id=yclients_id, **given(company_id=company_id))
        )

    async def search_by_name(
        self, company_id: int, name: str, *, limit: int = DEFAULT_LIMIT, timeout: float | None = None
    ) -> list[Client]:
        r"""Return clients with this text in their name, in any case; ``%``, ``_`` and ``\`` stand for themselves.

        Latest visit first, clients without one last; then most visits first.
        """
        text = escape_like(checked(name=name)["name"])
        return await self.list(
            col("name").ilike(f"%{text}%"),
            order=(desc("last_visit_date").nulls(first=False), desc("visit_count")),
            limit=limit,
            timeout=timeout,
            **self._checked(company_id=company_id),
        )

    async def names_by_yclients_ids(
        self, company_id: int, yclients_ids: Iterable[int], *, timeout: float | None = None
    ) -> dict[int, str | None]:
        """Return the names of those clients that exist, by id in the CRM."""
        where = where_equal(**self._checked(company_id=company_id)) & col("yclients_id").in_(yclients_ids)
        return await self._mapping("yclients_id", "name", where, timeout=timeout)
