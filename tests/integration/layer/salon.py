"""Rows of a small salon, for the tests of the named calls."""

from __future__ import annotations

from typing import Any

COMPANY = 10
OTHER_COMPANY = 20


def client(yclients_id: int, **more: Any) -> dict[str, Any]:
    """Make a client with a phone number of its own."""
    phone = f"+7 (999) 000-{yclients_id // 100:02}-{yclients_id % 100:02}"
    return {"yclients_id": yclients_id, "company_id": COMPANY, "name": f"Клиент {yclients_id}", "phone": phone, **more}


def service(yclients_id: int, **more: Any) -> dict[str, Any]:
    """Make a service."""
    return {"yclients_id": yclients_id, "company_id": COMPANY, "title": f"Услуга {yclients_id}", **more}


def staff_member(yclients_id: int, **more: Any) -> dict[str, Any]:
    """Make a staff member."""
    return {"yclients_id": yclients_id, "company_id": COMPANY, "name": f"Мастер {yclients_id}", **more}


def schedule(yclients_staff_id: int, date: str, **more: Any) -> dict[str, Any]:
    """Make a working day."""
    name = f"Мастер {yclients_staff_id}"
    return {
        "yclients_staff_id": yclients_staff_id,
        "date": date,
        "company_id": COMPANY,
        "staff_name": name,
        "is_working": True,
        **more,
    }


def appointment(yclients_record_id: int, at: str, **more: Any) -> dict[str, Any]:
    """Make an appointment of client 1."""
    return {
        "yclients_record_id": yclients_record_id,
        "company_id": COMPANY,
        "client_id": 1,
        "appointment_datetime": at,
        **more,
    }
