"""The demo's data: the live sizes, the same on every run, and as varied as the column types ask for."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from datalayer.demo.salon import COMPANY_ID, NOW, build_salon
from datalayer.models import normalise_phone
from datalayer.query import JSON_NULL

SALON = build_salon()

KEYS = {
    "companies": ("company_id",),
    "clients": ("yclients_id", "company_id"),
    "services": ("yclients_id", "company_id"),
    "staff": ("yclients_id", "company_id"),
    "staff_schedules": ("yclients_staff_id", "date", "company_id"),
    "bookings": ("yclients_record_id", "company_id"),
    "appointments_cache": ("yclients_record_id",),
    "dialog_contexts": ("user_id",),
    "whatsapp_keys": ("company_id", "key_type", "key_id"),
}


def test_salon_has_the_live_sizes() -> None:
    """Every table has about as many rows as the live one."""
    sizes = {table: len(rows) for table, rows in SALON.items()}
    assert sizes == {
        "companies": 1,
        "clients": 1304,
        "services": 63,
        "staff": 12,
        "staff_schedules": 99,
        "bookings": 45,
        "reminders": 20,
        "appointments_cache": 120,
        "dialog_contexts": 50,
        "messages": 160,
        "whatsapp_auth": 1,
        "whatsapp_keys": 728,
    }


def test_salon_is_the_same_on_every_run() -> None:
    """One seed gives one salon, another seed another."""
    assert build_salon() == SALON
    assert build_salon(seed=2) != SALON


@pytest.mark.parametrize("table", SALON)
def test_rows_of_a_table_have_equal_columns(table: str) -> None:
    """Rows of one shape keep their order when they are inserted, on which ids of the sequence depend."""
    assert len({tuple(row) for row in SALON[table]}) == 1


@pytest.mark.parametrize(("table", "key"), KEYS.items())
def test_keys_are_unique(table: str, key: tuple[str, ...]) -> None:
    """No two rows have the same natural key."""
    assert len({tuple(row[name] for name in key) for row in SALON[table]}) == len(SALON[table])


def test_phones_are_normal_and_belong_to_one_client() -> None:
    """A client's phone is kept as the library writes it, and the CRM's spelling normalises to it."""
    clients = SALON["clients"]
    assert len({row["phone"] for row in clients}) == len(clients)
    assert all(normalise_phone(row["raw_phone"]) == row["phone"] for row in clients)
    assert all(row["phone"].startswith("79") for row in clients)


def test_reminders_belong_to_bookings() -> None:
    """Every reminder refers to a booking that is there."""
    bookings = {row["id"] for row in SALON["bookings"]}
    assert {row["booking_id"] for row in SALON["reminders"]} <= bookings


def test_first_client_has_appointments_before_and_after_the_present() -> None:
    """The calls about appointments have something to answer: past ones, coming ones and a cancelled one."""
    own = [row for row in SALON["appointments_cache"] if row["client_id"] == 1]
    assert {row["client_phone"] for row in own} == {SALON["clients"][0]["phone"]}
    assert any(row["appointment_datetime"] < NOW for row in own)
    assert any(row["appointment_datetime"] > NOW and not row["is_cancelled"] for row in own)
    assert any(row["is_cancelled"] for row in SALON["appointments_cache"])


def test_order_of_services_does_not_depend_on_collation() -> None:
    """No two services weigh the same, so their titles never decide about the order."""
    assert len({row["weight"] for row in SALON["services"]}) == 63


def test_values_are_of_every_difficult_kind() -> None:
    """Exact decimals, microseconds, zones, NULL beside JSON null, empty documents, emoji and quotes occur."""
    values = [value for rows in SALON.values() for row in rows for value in row.values()]
    assert any(value is None for value in values)
    assert any(value is JSON_NULL for value in values)
    assert any(value == [] for value in values)
    assert any(value == {} for value in values)
    assert any(isinstance(value, Decimal) and value % 1 for value in values)
    moments = [value for value in values if isinstance(value, dt.datetime)]
    assert any(moment.microsecond % 1000 for moment in moments)
    assert {moment.tzinfo for moment in moments} == {None, dt.UTC}
    texts = "".join(value for value in values if isinstance(value, str))
    assert all(letter in texts for letter in "ёЯ💅'\"%_;\n")


def test_everything_belongs_to_the_one_salon() -> None:
    """There is one company id, as text where the column is text."""
    ids = {row["company_id"] for rows in SALON.values() for row in rows if "company_id" in row}
    assert ids == {COMPANY_ID, str(COMPANY_ID)}
