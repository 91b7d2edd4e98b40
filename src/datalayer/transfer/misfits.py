"""Stored values that would stop a copy, found before one begins: counted by table, column and rule, the first named.

Only SQLite keeps values against its own declarations, and references to nothing, and only a look at all of them tells.
Values are never shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from datalayer.transfer.conversions import Conversion
from datalayer.transfer.limits import MisfitError
from datalayer.transfer.naming import row_name
from datalayer.wording import counted

#: Rows that are named for each.
MOST_NAMED: Final = 3


@dataclass(frozen=True, slots=True)
class Misfit:
    """Values of one column that break one rule.

    Args:
        column: or the columns of a reference.
        rule: what is wrong with them, in words.
        rows: how many there are.
        first: the keys of the first rows, in words.
    """

    table: str
    column: str
    rule: str
    rows: int
    first: tuple[str, ...]

    def __str__(self) -> str:
        more = ", ..." if self.rows > len(self.first) else ""
        rows = counted(self.rows, "row")
        return f"{self.table}.{self.column} {self.rule}: {rows}, at {'; '.join(self.first)}{more}"

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        return {
            "table": self.table,
            "column": self.column,
            "rule": self.rule,
            "rows": self.rows,
            "first": list(self.first),
        }


class MisfitCounter:
    """Counts the misfits of one table.

    Args:
        fits: by column, in the order of the values of a row.
        key: the columns that name a row, and their places in it.
    """

    def __init__(self, table: str, fits: Mapping[str, Conversion], key: Mapping[str, int]) -> None:
        self._table = table
        self._fits = fits
        self._key = key
        self._rows = 0
        #: Grows by the columns and rules that are broken, not by rows.
        self._found: dict[tuple[str, str], list[Any]] = {}

    def look(self, page: Sequence[Sequence[Any]]) -> None:
        """Look at some rows."""
        for row in page:
            self._rows += 1
            for (column, fit), value in zip(self._fits.items(), row, strict=False):
                try:
                    fit(value)
                except MisfitError as misfit:
                    self._count(column, str(misfit), row)

    @property
    def found(self) -> list[Misfit]:
        """What was found so far."""
        return [Misfit(self._table, *place, rows, tuple(first)) for place, (rows, *first) in self._found.items()]

    def _count(self, column: str, rule: str, row: Sequence[Any]) -> None:
        counted = self._found.setdefault((column, rule), [0])
        counted[0] += 1
        if len(counted) <= MOST_NAMED:
            key = {name: row[place] for name, place in self._key.items()}
            counted.append(row_name(key, key, self._rows))
