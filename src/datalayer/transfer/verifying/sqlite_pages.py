"""Rows of a SQLite table by pages. Each is spelled in one step, which leaves Python's lock to other threads."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Final

from datalayer.transfer.readers.page_size import at_most

_SMALLEST: Final = -(1 << 63)
_LARGEST: Final = (1 << 63) - 1
#: Bytes of texts that a page should have, and those at which SQLite gives it up.
_PAGE_BYTES: Final = 1 << 20
_MOST_BYTES: Final = 8 << 20
_FIRST_ROWS: Final = 100
_MOST_ROWS: Final = 5_000
#: How many times as many rows the next page has at most, and how much smaller the next try is.
_GROW: Final = 4
_SHRINK: Final = 8
_NUL: Final = b"\0"

#: What is asked of a page's rows together, and of a lone one, which may be of any size.
_TOGETHER: Final = (
    "max(id), count(text), count(*),"
    " cast(group_concat(label, char(0)) as blob), cast(group_concat(text, char(0)) as blob)"
)
_ALONE: Final = "id, text is not null, 1, cast(label as blob), cast(text as blob)"
#: What there is of no row.
_NOTHING: Final = (0, 0, 0, b"", b"")


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
        rows = _FIRST_ROWS
        while low <= high:
            found = self._page(connection, row_id, (low, high, rows))
            if found is None:
                rows = max(1, rows // _SHRINK)
                continue
            last, page = found
            if not page.count:
                return
            yield page
            low = last + 1
            rows = max(1, min(_MOST_ROWS, rows * _GROW, rows * _PAGE_BYTES // len(page.texts)))

    def _page(
        self, connection: sqlite3.Connection, row_id: str, limits: tuple[int, int, int]
    ) -> tuple[int, Page] | None:
        """Return the last row id of a page and the page; None where it is too large."""
        alone = limits[-1] == 1
        query = (
            f"select {_ALONE if alone else _TOGETHER}"
            f" from (select {row_id} as id, {self.label} as label, {self.text} as text from {self.table}"
            f" where {row_id} between ? and ? order by 1 limit ?)"
        )
        try:
            with nullcontext() if alone else at_most(connection, _MOST_BYTES):
                last, spelled, *page = connection.execute(query, limits).fetchone() or _NOTHING
        except sqlite3.DataError:
            if alone:
                raise
            return None
        if spelled == page[0]:
            return last, Page(*page)
        # printf() answers NULL where its text would be too long.
        if alone:
            raise ValueError("a text that is too long for SQLite")
        return None

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
