"""The twenty calls and the health check, as an application makes them; none of them knows which store answers.

Writes come first, so that reads see the same rows on both sides. A write takes other values in every round: what it
answers shows that it was done there and then.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from datalayer.demo.salon import COMPANY_ID, TODAY
from datalayer.layer import DataLayer
from datalayer.query import Row

Ask: TypeAlias = Callable[[DataLayer, int], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Call:
    """A call by its name; ``ask`` makes it, with values that depend on the round."""

    name: str
    ask: Ask


def salon_calls(salon: Mapping[str, Sequence[Row]]) -> list[Call]:
    """Return the calls, about rows of this salon."""
    return [Call(name, ask) for name, ask in {**_writes(salon), **_reads(salon)}.items()]


def regular_phone(salon: Mapping[str, Sequence[Row]]) -> str:
    """Return the first client's phone number as people in Russia write it."""
    digits = salon["clients"][0]["phone"]
    return f"8 ({digits[1:4]}) {digits[4:7]}-{digits[7:9]}-{digits[9:]}"


def _writes(salon: Mapping[str, Sequence[Row]]) -> dict[str, Ask]:
    client, dialog, service = salon["clients"][0], salon["dialog_contexts"][0], salon["services"][0]
    some_clients, some_days = salon["clients"][1:26], salon["staff_schedules"][:9]
    return {
        "upsert_client": lambda layer, n: layer.upsert_client(
            {**_key(client), "name": " Мария 💅 ", "phone": regular_phone(salon), "visit_count": 20 + n}
        ),
        "upsert_clients": lambda layer, n: layer.upsert_clients([_changed(row, n) for row in some_clients]),
        "upsert_services": lambda layer, n: layer.upsert_services(
            [{**_key(service), "title": service["title"], "price_min": service["price_min"] + 10 * n}]
        ),
        "upsert_staff_schedules": lambda layer, n: layer.upsert_staff_schedules(
            [{**row, "has_booking_slots": n % 2 == 0} for row in some_days]
        ),
        "upsert_dialog_context": lambda layer, n: layer.upsert_dialog_context(
            {"user_id": dialog["user_id"], "state": "confirming", "data": {"шаг": n, "slots": []}, "message_count": n}
        ),
        "upsert_company": lambda layer, n: layer.upsert_company(
            {"company_id": COMPANY_ID, "title": 'Салон красоты "Ромашка" 🌼', "raw_data": {"rating": 4.9, "round": n}}
        ),
    }


def _reads(salon: Mapping[str, Sequence[Row]]) -> dict[str, Ask]:
    client, dialog, service = salon["clients"][0], salon["dialog_contexts"][0], salon["services"][0]
    person = salon["staff"][0]["yclients_id"]
    return {
        "get_client_by_phone": _read(DataLayer.get_client_by_phone, regular_phone(salon)),
        "get_client_by_id": _read(DataLayer.get_client_by_id, client["yclients_id"], COMPANY_ID),
        "search_clients_by_name": _read(DataLayer.search_clients_by_name, COMPANY_ID, "анна", 50),
        "get_client_appointments": _read(DataLayer.get_client_appointments, 1, company_id=COMPANY_ID),
        "get_upcoming_appointments": _read(DataLayer.get_upcoming_appointments, 1, COMPANY_ID),
        "get_dialog_context": _read(DataLayer.get_dialog_context, dialog["user_id"]),
        "get_staff": _read(DataLayer.get_staff, COMPANY_ID, include_inactive=True),
        "get_staff_by_id": _read(DataLayer.get_staff_by_id, person, COMPANY_ID),
        "get_staff_schedules": _read(DataLayer.get_staff_schedules, company_id=COMPANY_ID, date_from=TODAY),
        "get_staff_schedule": _read(DataLayer.get_staff_schedule, person, TODAY, COMPANY_ID),
        "get_services": _read(DataLayer.get_services, COMPANY_ID),
        "get_service_by_id": _read(DataLayer.get_service_by_id, service["yclients_id"], COMPANY_ID),
        "get_services_by_category": _read(DataLayer.get_services_by_category, COMPANY_ID, service["category_id"]),
        "get_company": _read(DataLayer.get_company, COMPANY_ID),
        "health_check": _is_healthy,
    }


def _read(call: Callable[..., Awaitable[object]], *args: object, **kwargs: object) -> Ask:
    """A read asks the same in every round."""
    return lambda layer, _: call(layer, *args, **kwargs)


async def _is_healthy(layer: DataLayer, _: int) -> bool:
    """Of the answer only this can be the same on both sides: it also tells the store and the time it took."""
    return (await layer.health_check()).healthy


def _key(row: Row) -> dict[str, Any]:
    return {"yclients_id": row["yclients_id"], "company_id": row["company_id"]}


def _changed(row: Row, n: int) -> dict[str, Any]:
    """Columns differ from row to row, as those of a real batch do."""
    changed: dict[str, Any] = {**_key(row), "phone": row["phone"], "ai_messages_count": n}
    if row["yclients_id"] % 2:
        changed |= {"tags": ["vip", None, "💎"], "total_spent": (row["total_spent"] or 0) + n}
    return changed
