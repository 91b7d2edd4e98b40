"""How many rows to read at a time, so that wide rows take no more memory than narrow ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_PAGE_BYTES = 2 << 20
_FIRST_ROWS = 10
_MOST_ROWS = 2_000
_SAMPLE = 16
_VALUE_BYTES = 64


class PageSize:
    """Follows the width of the rows that were read last."""

    def __init__(self, most: int = _MOST_ROWS) -> None:
        self._most = most
        self.rows = min(_FIRST_ROWS, most)

    def saw(self, page: Sequence[Sequence[Any]]) -> None:
        """Choose the next page's size by a sample of this one; it grows tenfold at most, and shrinks at once."""
        sample = page[:: max(1, len(page) // _SAMPLE)]
        self.saw_bytes(max((_width(row) for row in sample), default=1))

    def saw_bytes(self, width: int) -> None:
        """Choose the next page's size by the bytes of a row."""
        self.rows = max(1, min(self._most, self.rows * 10, _PAGE_BYTES // max(1, width)))


def _width(row: Sequence[Any]) -> int:
    return sum(_VALUE_BYTES + (len(value) if isinstance(value, str | bytes | list | dict) else 0) for value in row)
