"""Calls about clients and their appointments."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from tests.integration.layer.conftest import DrivenClock
from tests.integration.layer.salon import COMPANY, OTHER_COMPANY, appointment, client

from datalayer import BatchItemError, DataLayer, InvalidValueError, MultipleRowsError


async def test_upsert_client_trims_normalises_and_stamps(layer: DataLayer, clock: DrivenClock) -> None:
    """What is stored is clean, whatever the CRM sent."""
    stored = await layer.upsert_client(client(1, name="  Анна ", phone="8 (968) 648-44-88"))
    assert (stored.name, stored.phone, stored.updated_at) == ("Анна", "79686484488", clock.naive)
    assert stored.id > 0


async def test_upsert_client_changes_only_the_columns_given(layer: DataLayer, clock: DrivenClock) -> None:
    """A later row without a column keeps what is stored."""
    first = await layer.upsert_client(client(1, total_spent=Decimal("1200.50"), tags=["vip"]))
    clock.move(hours=1)
    second = await layer.upsert_client(
        {"yclients_id": 1, "company_id": COMPANY, "phone": "79990000001", "name": "Ольга"}
    )
    assert (second.id, second.name, second.total_spent, second.tags) == (first.id, "Ольга", Decimal("1200.50"), ["vip"])
    assert second.updated_at == clock.naive


async def test_upsert_client_keeps_salons_apart(layer: DataLayer) -> None:
    """The same CRM id in two salons is two clients."""
    one = await layer.upsert_client(client(1))
    other = await layer.upsert_client(client(1, company_id=OTHER_COMPANY))
    assert one.id != other.id


async def test_upsert_clients_returns_the_rows_in_the_order_given(layer: DataLayer) -> None:
    """Rows of different shapes come back as they were given."""
    stored = await layer.upsert_clients([client(3), client(1, email="a@example.com"), client(2, discount="5")])
    assert [row.yclients_id for row in stored] == [3, 1, 2]
    assert (stored[1].email, stored[2].discount) == ("a@example.com", Decimal(5))


async def test_upsert_clients_refuses_an_empty_batch(embedded_layer: DataLayer) -> None:
    """An empty list is a mistake upstream."""
    with pytest.raises(InvalidValueError, match="empty"):
        await embedded_layer.upsert_clients([])


async def test_upsert_clients_refuses_more_than_500(embedded_layer: DataLayer) -> None:
    """Larger batches go the sync way, which the message names."""
    with pytest.raises(InvalidValueError, match="sync_many"):
        await embedded_layer.upsert_clients([client(number) for number in range(1, 502)])


async def test_upsert_clients_writes_nothing_when_one_row_is_bad(layer: DataLayer) -> None:
    """The error says which rows and fields, and no row of the batch is stored."""
    rows = [client(1), client(2, phone="123"), client(3), {**client(4), "yclients_id": -4}]
    with pytest.raises(BatchItemError) as caught:
        await layer.upsert_clients(rows)
    assert [(problem.index, problem.field) for problem in caught.value.problems] == [(1, "phone"), (3, "yclients_id")]
    assert await layer.clients.count() == 0


@pytest.mark.parametrize("phone", ["+79990000001", "8 999 000-00-01", "79990000001", "9990000001"])
async def test_get_client_by_phone_finds_it_however_written(layer: DataLayer, phone: str) -> None:
    """The number is normalised before it is asked for."""
    await layer.upsert_clients([client(1), client(2)])
    found = await layer.get_client_by_phone(phone)
    assert found is not None
    assert found.yclients_id == 1


async def test_get_client_by_phone_answers_none(layer: DataLayer) -> None:
    """A number that nobody has is a normal answer."""
    assert await layer.get_client_by_phone("+79990000001") is None


async def test_get_client_by_phone_needs_the_salon_when_two_have_it(layer: DataLayer) -> None:
    """One of two clients is never picked by chance."""
    await layer.upsert_clients([client(1), client(1, company_id=OTHER_COMPANY)])
    with pytest.raises(MultipleRowsError):
        await layer.get_client_by_phone("+79990000001")
    found = await layer.get_client_by_phone("+79990000001", OTHER_COMPANY)
    assert found is not None
    assert found.company_id == OTHER_COMPANY


@pytest.mark.parametrize("phone", ["123", "", "call me"])
async def test_get_client_by_phone_refuses_what_is_no_phone(embedded_layer: DataLayer, phone: str) -> None:
    """Three digits are a mistake, and the error does not repeat them."""
    with pytest.raises(InvalidValueError, match="phone") as caught:
        await embedded_layer.get_client_by_phone(phone)
    assert caught.value.field == "phone"


async def test_get_client_by_id_looks_in_the_salon_given(layer: DataLayer) -> None:
    """The salon narrows the answer."""
    await layer.upsert_client(client(1))
    assert await layer.get_client_by_id(1) is not None
    assert await layer.get_client_by_id(1, COMPANY) is not None
    assert await layer.get_client_by_id(1, OTHER_COMPANY) is None
    assert await layer.get_client_by_id(2) is None


async def test_search_clients_by_name_is_a_substring_in_any_case(layer: DataLayer) -> None:
    """Cyrillic names match in any case, in the salon asked for only."""
    await layer.upsert_clients(
        [client(1, name="Мария Иванова"), client(2, name="Анна"), client(3, name="МАРИЯ", company_id=OTHER_COMPANY)]
    )
    assert [row.yclients_id for row in await layer.search_clients_by_name(COMPANY, "арИЯ")] == [1]


@pytest.mark.parametrize(
    ("name", "text"), [("100% Анна", "0%"), ("a_b", "_"), ("back\\slash", "\\"), ("O'Hara; --", "'")]
)
async def test_search_clients_by_name_takes_wildcards_literally(layer: DataLayer, name: str, text: str) -> None:
    """Percent, underscore, backslash and quotes stand for themselves."""
    await layer.upsert_clients([client(1, name=name), client(2, name="Никто")])
    assert [row.name for row in await layer.search_clients_by_name(COMPANY, text)] == [name]


async def test_search_clients_by_name_puts_the_latest_visitors_first(layer: DataLayer) -> None:
    """By last visit, clients without one last; then by the number of visits."""
    await layer.upsert_clients(
        [
            client(1, visit_count=9),
            client(2, last_visit_date="2026-01-05", visit_count=1),
            client(3, last_visit_date="2026-02-05", visit_count=2),
            client(4, last_visit_date="2026-02-05", visit_count=7),
        ]
    )
    found = await layer.search_clients_by_name(COMPANY, "клиент")
    assert [row.yclients_id for row in found] == [4, 3, 2, 1]
    assert [row.yclients_id for row in await layer.search_clients_by_name(COMPANY, "клиент", 2)] == [4, 3]


@pytest.mark.parametrize("limit", [0, -1, 1001])
async def test_search_clients_by_name_refuses_an_impossible_limit(embedded_layer: DataLayer, limit: int) -> None:
    """A limit is 1 to 1,000."""
    with pytest.raises(InvalidValueError) as caught:
        await embedded_layer.search_clients_by_name(COMPANY, "а", limit)
    assert caught.value.field == "limit"


async def test_get_client_appointments_are_newest_first(layer: DataLayer) -> None:
    """Only this client's, the newest first."""
    await layer.appointments.upsert_many(
        [
            appointment(1, "2026-01-01T10:00:00+03:00"),
            appointment(2, "2026-02-01T10:00:00+03:00"),
            appointment(3, "2026-03-01T10:00:00+03:00", client_id=2),
        ]
    )
    assert [row.yclients_record_id for row in await layer.get_client_appointments(1)] == [2, 1]


async def test_get_client_appointments_takes_order_limit_and_salon(layer: DataLayer) -> None:
    """Every option narrows or turns the answer."""
    await layer.appointments.upsert_many(
        [
            appointment(1, "2026-01-03T10:00:00Z", cost="10"),
            appointment(2, "2026-01-02T10:00:00Z", cost="30"),
            appointment(3, "2026-01-01T10:00:00Z", cost="20", company_id=OTHER_COMPANY),
        ]
    )

    async def ids(**options: Any) -> list[int]:
        return [row.yclients_record_id for row in await layer.get_client_appointments(1, **options)]

    assert await ids(order_by="cost") == [2, 3, 1]
    assert await ids(order_by="cost", order_direction="asc", limit=2) == [1, 3]
    assert await ids(order_direction="asc") == [3, 2, 1]
    assert await ids(company_id=COMPANY) == [1, 2]


@pytest.mark.parametrize(
    ("options", "field"),
    [({"order_by": "id"}, "order_by"), ({"order_direction": "up"}, "order_direction"), ({"limit": 1001}, "limit")],
)
async def test_get_client_appointments_refuses_unknown_options(
    embedded_layer: DataLayer, options: dict[str, Any], field: str
) -> None:
    """An option outside its list is refused by name."""
    with pytest.raises(InvalidValueError) as caught:
        await embedded_layer.get_client_appointments(1, **options)
    assert caught.value.field == field


async def test_get_upcoming_appointments_are_the_next_ten_not_cancelled(layer: DataLayer, clock: DrivenClock) -> None:
    """From now on, the soonest first, ten at most, without those cancelled or deleted."""
    await layer.appointments.upsert_many(
        [
            appointment(1, "2026-03-02T08:59:59Z"),
            appointment(2, "2026-03-02T09:00:00Z"),
            appointment(3, "2026-03-02T10:00:00Z", is_cancelled=True),
            appointment(4, "2026-03-02T10:00:00Z", deleted=True),
            *[appointment(20 - day, f"2026-03-{13 - day:02}T10:00:00Z") for day in range(10)],
        ]
    )
    found = await layer.get_upcoming_appointments(1, COMPANY)
    assert [row.yclients_record_id for row in found] == [2, *range(11, 20)]
    clock.move(days=365)
    assert await layer.get_upcoming_appointments(1, COMPANY) == []
