"""A row's digests: of its key, of the whole of it, of each column; the same for the same row of either side."""

from __future__ import annotations

from typing import Literal

from datalayer.query import Row
from datalayer.transfer.canonical import encode
from datalayer.transfer.checksum import digest
from datalayer.transfer.conversions import alignment
from datalayer.transfer.pairing import TablePair
from datalayer.transfer.unreadable import can_align


class RowHasher:
    """Hashes the rows of one side of a pair, each value brought to the meaning that both sides' columns share."""

    def __init__(self, pair: TablePair, side: Literal["source", "target"]) -> None:
        # In the order of names, so that a checksum does not depend on where a column stands in its table.
        ordered = sorted(pair.columns, key=lambda column: column.source.name)
        types = [(column.source.type, column.target.type) for column in ordered]
        self.names = [column.source.name for column in ordered]
        alignments = [alignment(*(both if side == "source" else both[::-1])) for both in types]
        self._aligned = [(n, align) for n, align in zip(self.names, alignments, strict=True) if align is not None]
        self._key_places = [self.names.index(name) for name in pair.key]

    def parts(self, row: Row) -> list[bytes]:
        """Return the canonical bytes of each column, in the order of ``names``."""
        if self._aligned:
            row = row | {name: align(row[name]) for name, align in self._aligned if can_align(row[name])}
        return [encode(row[name]) for name in self.names]

    def digests(self, parts: list[bytes]) -> tuple[bytes, bytes]:
        """Return the digests of the key and of the row; a row without a key is its own key."""
        whole = digest(b"".join(parts))
        return (digest(b"".join(parts[place] for place in self._key_places)) if self._key_places else whole), whole
