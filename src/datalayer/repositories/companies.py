"""Salons."""

from __future__ import annotations

from datalayer.models import Company
from datalayer.repositories.base import BaseRepository


class CompanyRepository(BaseRepository[Company]):
    """Salons, by their id in the CRM."""

    model = Company
    table = "companies"
    key = ("company_id",)
    stamps = ("updated_at",)
    required = ("title",)

    async def find_by_company_id(self, company_id: int, *, timeout: float | None = None) -> Company | None:
        """Return the salon, or None."""
        return await self.find(timeout=timeout, **self._checked(company_id=company_id))
