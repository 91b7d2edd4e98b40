"""Rows of a SQLite table by pages. Each is spelled in one step, which leaves Python's lock to other threads."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from datalayer.transfer.joined_rows import JoinedRows

_SMALLEST: Final = -(1 << 63)
_LARGEST: Final = (1 << 63) - 1
#: Bytes of texts that a page should have.
_PAGE_BYTES: Final = 1 << 20
_FIRST_ROWS: Final = 100
_MOST_ROWS: Final = 5_000
#: How many times as many rows the next page has at most, and how much smaller the next try is.
_GROW: Final = 4
_SHRINK: Final = 8
_NUL: Final = b"\0"

_JOINED: Final = tuple(f"cast(group_concat({name}, char(0)) as blob)" for name in ("label", "text"))


@dataclass(frozen=True, slots=True)
class Page:
    """Rows: the labels of all, and the texts of all, joined by NULs, which are in none of them."""

    count: int
    labels: bytes
    texts: bytes

    def split(self) -> tuple[list[bytes], list[bytes]]:
        """Return the labels and the texts.

        Raises:
            ValueError: they are not in UTF-8.
        """
        labels, texts = self.labels.split(_NUL), self.texts.split(_NUL)
        if not len(labels) == len(texts) == self.count:
            raise ValueError("texts in an encoding that has NULs")
        return labels, texts


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of a table as SQL.

    Args:
        table: its name, quoted.
        label: what is to be known of a row besides its text.
    """

    table: str
    label: str
    text: str

    def by_row_id(
        self, connection: sqlite3.Connection, row_id: str, low: int = _SMALLEST, high: int = _LARGEST
    ) -> Iterator[Page]:
        """Yield rows whose row ids are in a range, as many at a time as are small enough together.

        Raises:
            ValueError: a text that SQLite cannot write.
        """
        joined, rows = JoinedRows(self.table, row_id, {"label": self.label, "text": self.text}, _JOINED), _FIRST_ROWS
        while low <= high:
            found = joined.page(connection, low, high, rows)
            if found is None and rows > 1:
                rows = max(1, rows // _SHRINK)
                continue
            last, page = (
                self._alone(connection, row_id, low) if found is None else (found.last, Page(found.rows, *found.joined))
            )
            if not page.count:
                return
            yield page
            low = last + 1
            rows = max(1, min(_MOST_ROWS, rows * _GROW, rows * _PAGE_BYTES // len(page.texts)))

    def _alone(self, connection: sqlite3.Connection, row_id: str, low: int) -> tuple[int, Page]:
        """Return the next row, which may be of any size, and its row id."""
        query = (
            f"select {row_id}, cast({self.label} as blob), cast({self.text} as blob) from {self.table}"
            f" where {row_id} >= ? order by 1 limit 1"
        )
        last, label, text = connection.execute(query, (low,)).fetchone()
        if text is None:
            raise ValueError("a text that is too long for SQLite")
        return last, Page(1, label, text)

    def by_condition(self, connection: sqlite3.Connection, where: str) -> Iterator[Page]:
        """Yield rows that were spelled one by one: there is no order in which to go on behind a page."""
        labels: list[bytes] = []
        texts: list[bytes] = []
        size = 0
        query = f"select cast({self.label} as blob), cast({self.text} as blob) from {self.table}{where}"
        for label, text in connection.execute(query):
            labels.append(label)
            texts.append(text)
            size += len(text)
            if size >= _PAGE_BYTES or len(texts) == _MOST_ROWS:
                yield Page(len(texts), _NUL.join(labels), _NUL.join(texts))
                labels, texts, size = [], [], 0
        if texts:
            yield Page(len(texts), _NUL.join(labels), _NUL.join(texts))
