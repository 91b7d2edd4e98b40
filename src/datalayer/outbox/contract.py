"""What the relay asks of the store that follows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from datalayer.errors import UnavailableError
from datalayer.outbox.entries import Change, Key


class KeysHeldError(UnavailableError):
    """Some keys cannot be applied now: another apply of theirs is in flight, or its outcome is not known yet.

    Nothing of them was applied; the other keys of the batch may have been. The relay leaves the held keys for later
    without counting a try.

    Args:
        held: table and key of each.
    """

    def __init__(self, held: Sequence[tuple[str, Key]], *, store: str) -> None:
        super().__init__(
            f"{len(held)} key(s) wait for an apply whose outcome is unknown", store=store, operation="apply"
        )
        self.held = tuple(held)


class Applier(Protocol):
    """Makes the secondary equal for some keys, and never puts an older state over a newer one.

    A change is applied only when its version is above the one the secondary's ledger has for its key; ledger and rows
    change in one transaction. On Supabase without the apply function one apply per key is in flight at a time; rows of
    changes were read before their pins are taken, so they are read again under the pin.
    What it writes is not captured again as a change of the secondary's own.
    """

    async def apply(self, origin: UUID, changes: Sequence[Change], *, timeout: float | None = None) -> int:
        """Apply all changes or none; return how many were not outdated.

        Deletes come first, children before parents; then upserts, parents before children. At most one change a key.

        Args:
            origin: identity of the database whose sequence the versions come from.

        Raises:
            ConstraintViolationError: the rows cannot be there yet; nothing was applied.
            OutcomeUnknownError: the answer was lost; the caller applies again later, which is safe.
            KeysHeldError: some keys have to wait.
        """
