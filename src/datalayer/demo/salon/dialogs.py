"""Talks with clients on WhatsApp."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from datalayer.demo.salon.draw import COMPANY_ID, Draw, days_ago
from datalayer.demo.salon.words import ANSWERS, QUESTIONS
from datalayer.query import Row


def dialog_contexts(draw: Draw, clients: Sequence[Row], bookings: Sequence[Row], count: int) -> list[Row]:
    """Return the contexts of so many talks, one per client."""
    rows = []
    for place in draw.sample(range(len(clients)), count):
        talk = _talk(draw)
        begun = draw.moment(days_ago(draw.randrange(1, 20)))
        seen = begun + dt.timedelta(minutes=3 * len(talk))
        rows.append(
            {
                "id": draw.uuid(),
                "user_id": f"{clients[place]['phone']}@c.us",
                "state": draw.choice(("idle", "choosing_time", "confirming", None)),
                "data": {"service": draw.choice(("маникюр", "стрижка", None)), "slots": ["14:00", "16:30"], "шаг": 2},
                "messages": talk,
                "created_at": begun,
                "updated_at": seen,
                "client_id": place + 1,
                "last_activity": seen,
                "message_count": len(talk),
                "last_booking_id": draw.choice(bookings)["id"] if draw.chance(0.3) else None,
                "session_type": "whatsapp",
                "context_metadata": {"language": "ru", "confidence": 0.87} if draw.chance(0.8) else None,
                "company_id": COMPANY_ID,
            }
        )
    return rows


def messages(draw: Draw, clients: Sequence[Row], count: int) -> list[Row]:
    """Return messages to and from clients."""
    rows = []
    for number in range(count):
        incoming = number % 2 == 0
        rows.append(
            {
                "id": draw.uuid(),
                "company_id": COMPANY_ID,
                "client_phone": draw.choice(clients)["phone"],
                "direction": "incoming" if incoming else "outgoing",
                "content": draw.choice(QUESTIONS if incoming else ANSWERS),
                "message_type": "text",
                "status": "read" if incoming else draw.choice(("sent", "delivered", "read")),
                "created_at": draw.moment(days_ago(draw.randrange(1, 10))),
                "metadata": {"reply_to": None, "попытки": 1} if draw.chance(0.5) else None,
                "platform": "whatsapp",
            }
        )
    return rows


def _talk(draw: Draw) -> list[dict[str, Any]]:
    talk = []
    for _ in range(draw.randrange(1, 4)):
        talk.append({"role": "user", "content": draw.choice(QUESTIONS)})
        talk.append({"role": "assistant", "content": draw.choice(ANSWERS)})
    return talk
