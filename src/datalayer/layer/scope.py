"""What a layer and a transaction have in common: repositories, named calls, transactions, raw SQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from datalayer.errors import UnsupportedOperationError
from datalayer.layer.calls import Calls
from datalayer.models.rules import PHONE_REGION
from datalayer.routing.passing_store import innermost
from datalayer.stores.contract import Isolation, Session

if TYPE_CHECKING:
    from datalayer.stores.postgres.raw import RawQueries


class Scope(Calls):
    """Repositories and calls over one session. ``layer.transaction()`` lends one over the transaction's session."""

    @property
    def session(self) -> Session:
        """The store, or the transaction, that everything here asks."""
        return self._session

    @property
    def sql(self) -> RawQueries:
        """Raw SQL on PostgreSQL: ``fetch_all``, ``fetch_one`` and ``execute``, inside the transaction if this is one.

        Raises:
            UnsupportedOperationError: the store is not PostgreSQL.
        """
        session = innermost(self._session)
        if session.name == "postgres":
            from datalayer.stores.postgres.raw import RawQueries

            if isinstance(session, RawQueries):
                return session
        raise UnsupportedOperationError(
            self._session.name, "raw SQL", "ask through a repository, which works on every store"
        )

    @asynccontextmanager
    async def transaction(
        self, *, isolation: Isolation | None = None, read_only: bool = False, timeout: float | None = None
    ) -> AsyncIterator[Scope]:
        """Lend the same repositories and calls inside a transaction, or inside a savepoint of this one.

        Leaving the block commits; an error that leaves it rolls back.

        Args:
            timeout: seconds for each statement and each lock inside.

        Raises:
            UnsupportedOperationError: the store has no transactions (Supabase).
        """
        opened = self._session.transaction(isolation=isolation, read_only=read_only, timeout=timeout)
        async with opened as session:
            yield self._over(session)

    def _over(self, session: Session) -> Scope:
        return Scope(session, phone_region=self._context[PHONE_REGION], clock=self._clock)
