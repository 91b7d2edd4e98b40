"""How the public API is typed. Checked by mypy, never run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, assert_type

from datalayer import (
    BaseRepository,
    DataLayer,
    Envelope,
    Health,
    Mode,
    OnWrite,
    RowModel,
    Scope,
    Settings,
    SyncReport,
    asc,
    col,
)
from datalayer.models import Appointment, Client, Company, DialogContext, Service, StaffMember, StaffSchedule


class Note(RowModel):
    """A row of the user's own."""

    author: str
    title: Annotated[str, OnWrite(str.strip)]


class NoteRepository(BaseRepository[Note]):
    """A repository of the user's own."""

    model = Note
    table = "notes"
    key = ("author", "title")
    order = (asc("title"),)


async def calls(layer: DataLayer) -> None:
    """One row or None, a list, or the row written."""
    assert_type(await layer.get_dialog_context("u"), DialogContext | None)
    assert_type(await layer.upsert_dialog_context({"user_id": "u"}), DialogContext)
    assert_type(await layer.get_client_by_phone("+79990000000"), Client | None)
    assert_type(await layer.get_client_by_id(1, 1), Client | None)
    assert_type(await layer.get_client_appointments(1, order_by="cost", order_direction="asc"), list[Appointment])
    assert_type(await layer.get_upcoming_appointments(1, 1), list[Appointment])
    assert_type(await layer.search_clients_by_name(1, "a", 5), list[Client])
    assert_type(await layer.upsert_client({"yclients_id": 1}), Client)
    assert_type(await layer.upsert_clients([Client(yclients_id=1, phone="79990000000")]), list[Client])
    assert_type(await layer.get_staff_by_id(1, 1), StaffMember | None)
    assert_type(await layer.get_staff(1, include_inactive=True), list[StaffMember])
    assert_type(await layer.get_staff_schedules(company_id=1, date_from="2026-01-01"), list[StaffSchedule])
    assert_type(await layer.get_staff_schedule(1, "2026-01-01"), StaffSchedule | None)
    assert_type(await layer.upsert_staff_schedules([]), list[StaffSchedule])
    assert_type(await layer.get_services(1), list[Service])
    assert_type(await layer.get_service_by_id(1), Service | None)
    assert_type(await layer.get_services_by_category(1, 2), list[Service])
    assert_type(await layer.upsert_services([]), list[Service])
    assert_type(await layer.get_company(1), Company | None)
    assert_type(await layer.upsert_company({"company_id": 1}), Company)
    assert_type(await layer.health_check(), Health)


async def envelopes(layer: DataLayer) -> None:
    """The same arguments, the same data, in an envelope."""
    found = await layer.envelope.get_client_by_phone("+79990000000", company_id=1, timeout=1.0)
    assert_type(found, Envelope[Client | None])
    assert_type(found.data, Client | None)
    assert_type(await layer.envelope.get_services(1), Envelope[list[Service]])
    assert_type(await layer.envelope.health_check(), Envelope[Health])


async def own_repositories(layer: DataLayer) -> None:
    """A user's own repository answers the user's own model."""
    notes = layer.repository(NoteRepository)
    assert_type(notes, NoteRepository)
    assert_type(await notes.get(author="a", title="b"), Note)
    assert_type(await notes.find(col("title").eq("b")), Note | None)
    assert_type(await notes.list(), list[Note])
    assert_type(await notes.upsert_many([Note(author="a", title="b")]), list[Note])
    assert_type(await notes.sync_many([]), SyncReport)
    async for note in notes.iterate():
        assert_type(note, Note)
    assert_type(await notes.dicts.list(limit=5), list[dict[str, Any]])
    assert_type(await notes.dicts.find(author="a"), dict[str, Any] | None)
    async for row in notes.dicts.iterate():
        assert_type(row, dict[str, Any])


async def transactions(layer: DataLayer) -> None:
    """A transaction is a scope with the same repositories and calls."""
    async with layer.transaction(isolation="serializable", timeout=2.0) as tx:
        assert_type(tx, Scope)
        assert_type(await tx.repository(NoteRepository).count(), int)
        async with tx.transaction() as nested:
            assert_type(nested, Scope)

    async def work(scope: Scope) -> Sequence[Client]:
        return await scope.clients.list()

    assert_type(await layer.run_transaction(work), Sequence[Client])
    assert_type(await layer.sql.fetch_all("select 1 as author", rows=Note), list[Note])


async def opening() -> None:
    """A layer is opened by a block."""
    async with DataLayer.open(Settings(database_url="postgresql://h/d")) as layer:
        assert_type(layer, DataLayer)
        assert_type(layer.mode, Mode)
