"""Services."""

from __future__ import annotations

from datalayer.models.base import GENERATED, RowModel
from datalayer.models.columns import CrmId, Json, Number, Timestamp, Title


class Service(RowModel):
    """A service that a salon sells."""

    id: int = GENERATED
    yclients_id: CrmId
    company_id: CrmId | None = None
    title: Title
    category_id: int | None = None
    category_title: str | None = None
    price_min: Number | None = None
    price_max: Number | None = None
    discount: Number | None = None
    duration: int | None = None
    seance_length: int | None = None
    is_active: bool | None = None
    is_bookable: bool | None = None
    description: str | None = None
    weight: int | None = None
    created_at: Timestamp | None = None
    updated_at: Timestamp | None = None
    last_sync_at: Timestamp | None = None
    raw_data: Json = None
    image_url: str | None = None
    declensions: Json = None
