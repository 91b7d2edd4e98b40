"""Blocks of raw rows turned into rows for the target; a value that does not fit is named by table, column and key."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from datalayer.errors import TransferError
from datalayer.transfer.conversions import Conversion
from datalayer.transfer.fitting import fit
from datalayer.transfer.limits import MisfitError
from datalayer.transfer.naming import row_name
from datalayer.transfer.pairing import TablePair
from datalayer.transfer.readers.contract import Rows

#: Rows that a message names for each rule that they break; the others of the block are counted.
_MOST_NAMED = 10


class BlockFitter:
    """Fits the rows of one table, or of a part of it. A raw row begins with the values of :attr:`columns`."""

    def __init__(
        self, pair: TablePair, part: int | None = None, conversions: Sequence[Conversion] | None = None
    ) -> None:
        self._pair = pair
        self._part = part
        #: Rows that went through; they number those without a key.
        self._seen = 0
        self._key = pair.key or pair.source.primary_key
        self._fits = conversions or [fit(column.source, column.target) for column in pair.columns]
        written = pair.column_names
        #: The columns to read: what is written, then what else names a row.
        self.columns = (*written, *(name for name in self._key if name not in written))

    def fitted(self, block: Sequence[Sequence[Any]]) -> Rows:
        """Return the rows for the target.

        Raises:
            TransferError: names the values that do not fit, never shows them.
        """
        fits = self._fits
        try:
            rows = [[fit(value) for fit, value in zip(fits, row, strict=False)] for row in block]
        except MisfitError:
            raise self.misfits(block) from None
        self.skipped(len(block))
        return rows

    def skipped(self, rows: int) -> None:
        """Count rows that went another way."""
        self._seen += rows

    def misfits(self, block: Sequence[Sequence[Any]]) -> TransferError:
        """Build the error for a block that has values that do not fit."""
        found: dict[tuple[str, str], list[str]] = defaultdict(list)
        for number, row in enumerate(block, self._seen + 1):
            for name, apply, value in zip(self._pair.column_names, self._fits, row, strict=False):
                rule = _broken_rule(apply, value)
                if rule is not None:
                    found[name, rule].append(self._row_name(row, number))
        told = [f"{self._pair.name}.{name} {rule}, at {_listed(rows)}" for (name, rule), rows in found.items()]
        return TransferError(
            f"{'; '.join(told)}; repair the rows or change the column, then start again",
            table=self._pair.name,
        )

    def _row_name(self, row: Sequence[Any], number: int) -> str:
        return row_name(self._key, dict(zip(self.columns, row, strict=False)), number, self._part)


def _broken_rule(fit: Conversion, value: Any) -> str | None:
    try:
        fit(value)
    except MisfitError as misfit:
        return str(misfit)
    return None


def _listed(rows: Sequence[str]) -> str:
    """List the names of rows that break one rule; those of several columns are told apart."""
    if len(rows) == 1:
        return rows[0]
    named = ", ".join(f"({row})" if ", " in row else row for row in rows[:_MOST_NAMED])
    return named + (f" and {len(rows) - _MOST_NAMED:,} more nearby" if len(rows) > _MOST_NAMED else "")
