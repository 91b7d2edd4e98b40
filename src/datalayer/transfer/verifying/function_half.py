"""A table of Supabase with the script, its canonical texts hashed and added inside the server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from datalayer.errors import AccessDeniedError, SchemaError, StoreTimeoutError
from datalayer.transfer.pairing import TablePair
from datalayer.transfer.verifying.client_half import ClientHalf
from datalayer.transfer.verifying.cuts import Cut, HashCut
from datalayer.transfer.verifying.digests import SHA256, sum_of_halves
from datalayer.transfer.verifying.plans import Hashes, Sums
from datalayer.transfer.verifying.texts import SideName, ordered_columns, sides
from datalayer.transfer.verifying.texts_postgres import spelled_as

if TYPE_CHECKING:
    from datalayer.stores.supabase import SupabaseStore

#: The server ends a statement much earlier, as its role's statement_timeout says.
_SECONDS: Final = 120.0


@dataclass(frozen=True, slots=True)
class FunctionHalf:
    """One side of a table, summed by ``datalayer_checksum``; rows are read where sums are unequal, or cannot be had.

    Args:
        spelled: names of the spellings, by column, in the order of the texts.
    """

    store: SupabaseStore
    spelled: dict[str, str]
    client: ClientHalf

    async def rows(self) -> int:
        """Return how many rows the table has."""
        return await self.client.rows()

    async def bounds(self) -> tuple[int, int] | None:
        """Return the smallest and the largest key."""
        return await self.client.bounds()

    async def sums(self, cut: Cut) -> Sums:
        """Return rows and sums of row hashes by segment."""
        pair = self.client.pair
        asked = {
            "name": pair.name,
            "columns": list(self.spelled.items()),
            "key": [(name, self.spelled[name]) for name in pair.key],
            "cut": _written(cut),
            "strong": self.client.digest is SHA256,
        }
        try:
            found = await self.store.call_function("datalayer_checksum", asked, writes=False, timeout=_SECONDS)
        except (SchemaError, AccessDeniedError, StoreTimeoutError):
            # There is no script, or a statement has less time than so many rows take.
            found = None
        if found is None:
            return await self.client.sums(cut)
        return {
            segment: (rows, sum_of_halves(int(upper), int(lower), negative))
            for segment, rows, upper, lower, negative in found
        }

    async def hashes(self, cut: Cut, segments: Sequence[int]) -> Hashes:
        """Return the row hashes of these segments."""
        return await self.client.hashes(cut, segments)


def spelled_by_server(pair: TablePair, side: SideName) -> dict[str, str] | None:
    """Return how a server spells each column of a side; None where it has one that only Python spells."""
    found = {column.source.name: spelled_as(*sides(column, side)) for column in ordered_columns(pair)}
    named = {name: spelled for name, spelled in found.items() if spelled is not None}
    return named if len(named) == len(found) else None


def _written(cut: Cut) -> dict[str, Any]:
    if isinstance(cut, HashCut):
        above = None if cut.parents is None else cut.above.mask
        return {"mask": cut.mask, "above": above, "parents": cut.parents}
    return {"low": cut.low, "step": cut.step, "high": cut.high, "whole": cut.whole, "nulls": cut.nulls}
