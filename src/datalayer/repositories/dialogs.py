"""Talks with clients: context, messages, actions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from datalayer.models import Action, DialogContext, Message
from datalayer.query import asc, desc
from datalayer.repositories.base import BaseRepository

LAST_COMMAND = "last_command"


class DialogContextRepository(BaseRepository[DialogContext]):
    """Where each talk stands; a user has one, whichever salon it is with."""

    model = DialogContext
    table = "dialog_contexts"
    key = ("user_id",)
    order = (desc("last_activity").nulls(first=False),)
    stamps = ("updated_at", "last_activity")

    async def find_by_user(self, user_id: str, *, timeout: float | None = None) -> DialogContext | None:
        """Return the user's context, or None."""
        return await self.find(timeout=timeout, **self._checked(user_id=user_id))

    async def find_by_user_and_company(
        self, user_id: str, company_id: int, *, timeout: float | None = None
    ) -> DialogContext | None:
        """Return the user's context when it is with this salon, or None."""
        return await self.find(timeout=timeout, **self._checked(user_id=user_id, company_id=company_id))

    async def save_messages(
        self,
        user_id: str,
        messages: Iterable[Any],
        *,
        last_command: str | None = None,
        company_id: int | None = None,
        timeout: float | None = None,
    ) -> DialogContext:
        """Write the talk's messages and their count, and the last command where one is given.

        The command is laid into ``context_metadata`` as ``last_command`` beside what stands there, which takes a read
        before the write: of two calls at once for one user, the later one's metadata stays.

        Args:
            messages: the whole talk, not only what is new.
            timeout: seconds for each of the two store calls.
        """
        talk = list(messages)
        row: dict[str, Any] = {"user_id": user_id, "messages": talk, "message_count": len(talk)}
        if company_id is not None:
            row["company_id"] = company_id
        if last_command is not None:
            stored = await self.find_by_user(user_id, timeout=timeout)
            metadata = stored.context_metadata if stored is not None else None
            row["context_metadata"] = {**(metadata if isinstance(metadata, dict) else {}), LAST_COMMAND: last_command}
        return await self.upsert(row, timeout=timeout)


class MessageRepository(BaseRepository[Message]):
    """Messages to and from clients, the latest first."""

    model = Message
    table = "messages"
    key = ("id",)
    order = (desc("created_at").nulls(first=False),)


class ActionRepository(BaseRepository[Action]):
    """What the receptionist did or is to do, in the order it came up."""

    model = Action
    table = "actions"
    key = ("id",)
    order = (asc("created_at"),)
