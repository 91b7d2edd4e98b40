"""A beauty salon at the size of the live one, the same on every run: the rows of the legacy side."""

from __future__ import annotations

from datalayer.demo.salon import bookings, clients, company, dialogs, services, staff, whatsapp
from datalayer.demo.salon.draw import COMPANY_ID, NOW, TODAY, Draw
from datalayer.query import Row

__all__ = ["COMPANY_ID", "NOW", "TODAY", "build_salon"]


def build_salon(seed: int = 1) -> dict[str, list[Row]]:
    """Return the rows of every table, in an order in which they can be inserted; rows of a table have equal columns."""
    draw = Draw(seed)
    offered = services.services(draw)
    people = staff.staff(draw, offered)
    visitors = clients.clients(draw, offered, people, count=1304)
    booked = bookings.bookings(draw, visitors, offered, people, count=45)
    return {
        "companies": company.companies(draw),
        "clients": visitors,
        "services": offered,
        "staff": people,
        "staff_schedules": staff.staff_schedules(draw, people),
        "bookings": booked,
        "reminders": bookings.reminders(draw, booked, count=20),
        "appointments_cache": bookings.appointments(draw, visitors, offered, people, count=120),
        "dialog_contexts": dialogs.dialog_contexts(draw, visitors, booked, count=50),
        "messages": dialogs.messages(draw, visitors, count=160),
        "whatsapp_auth": whatsapp.whatsapp_auth(draw),
        "whatsapp_keys": whatsapp.whatsapp_keys(draw, count=728),
    }
