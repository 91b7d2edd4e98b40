"""Which rows a direction carries: those that its primary leads, and no others.

With one primary these are all of them. Where single tables or companies have theirs in the other store, something may
still write to the store that follows there, such as a job inside the database; its older row must not be carried over
the newer one.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from datalayer.outbox.entries import Key
from datalayer.stores.catalog import Table


class Leadership(Protocol):
    """What a direction's primary leads."""

    def has_table(self, name: str) -> bool:
        """Whether it leads rows of a table."""

    async def led(self, table: Table, keys: Collection[Key]) -> Collection[Key]:
        """Return the keys of a table whose rows it leads.

        Raises:
            DataLayerError: a store is away.
        """

    async def stay(self) -> None:
        """Have moves of single companies begin anew: none ends that has not seen the entries of now."""


class WholeLeadership:
    """Everything: there is one primary."""

    def has_table(self, name: str) -> bool:
        """Whether it leads rows of a table: of each."""
        return True

    async def led(self, table: Table, keys: Collection[Key]) -> Collection[Key]:
        """Return all keys."""
        return keys

    async def stay(self) -> None:
        """Do nothing: nothing moves."""
