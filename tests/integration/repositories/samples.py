"""Rows of a salon, with what each test says about them."""

from __future__ import annotations

from typing import Any

SALON = 962302
OTHER_SALON = 962303


def client(number: int, **columns: Any) -> dict[str, Any]:
    """Make a client of the salon."""
    return {"yclients_id": number, "company_id": SALON, "phone": f"+7968648{number:04d}", **columns}


def service(number: int, **columns: Any) -> dict[str, Any]:
    """Make a service of the salon."""
    return {"yclients_id": number, "company_id": SALON, "title": f"Услуга {number}", **columns}


def member(number: int, **columns: Any) -> dict[str, Any]:
    """Make a staff member of the salon."""
    return {"yclients_id": number, "company_id": SALON, "name": f"Мастер {number}", **columns}


def schedule(staff_id: int, date: str, **columns: Any) -> dict[str, Any]:
    """Make one day of a staff member of the salon."""
    return {"yclients_staff_id": staff_id, "date": date, "company_id": SALON, **columns}


def appointment(number: int, **columns: Any) -> dict[str, Any]:
    """Make an appointment of the salon's client 1."""
    return {"yclients_record_id": number, "company_id": SALON, "client_id": 1, **columns}
