"""The files of an export: written beside their place and renamed when they are whole, read line by line."""

from __future__ import annotations

import gzip
import os
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from datalayer.errors import DamagedExportError
from datalayer.query import Row
from datalayer.stores.catalog import Table
from datalayer.transfer.checksum import Segments
from datalayer.transfer.exports.encoding import LineError, row_decoder, row_encoder
from datalayer.transfer.hashing import RowHasher
from datalayer.transfer.pairing import ColumnPair, TablePair

SUFFIX: Final = ".ndjson.gz"
PARTIAL: Final = ".partial"

_PLAIN_NAME = re.compile(r"[a-z0-9_]{1,100}")
_STRANGE = re.compile(r"[^A-Za-z0-9_]+")
_GZIP = 16 + zlib.MAX_WBITS
#: Larger files than at the default level by a twentieth, in half the time.
_LEVEL = 4
_BLOCK_BYTES = 1 << 20
#: Of the lines of one chunk; their values take several times as much.
_CHUNK_BYTES = 2 << 20


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """A finished file: see ``manifest.ExportedTable``."""

    rows: int
    bytes: int
    sha256: str
    content_checksum: str


def file_name(table: str) -> str:
    """Return the name of a table's file: its own where every file system can tell it from all others."""
    if _PLAIN_NAME.fullmatch(table):
        return table + SUFFIX
    return f"{_STRANGE.sub('_', table)[:60]}-{sha256(table.encode()).hexdigest()[:12]}{SUFFIX}"


def itself(table: Table) -> TablePair:
    """Pair a table with itself, with all columns and its primary key."""
    return TablePair(table, table, tuple(ColumnPair(column, column) for column in table.columns), table.primary_key)


class ContentSum:
    """Counts rows and adds up their checksums; see ``transfer.checksum``."""

    def __init__(self, table: Table) -> None:
        self._hasher = RowHasher(itself(table), "source")
        self._sum = Segments(1)

    def add(self, row: Row) -> None:
        """Count one row."""
        self._sum.add(*self._hasher.digests(self._hasher.parts(row)))

    @property
    def rows(self) -> int:
        """How many rows were counted."""
        return self._sum.rows

    @property
    def checksum(self) -> str:
        """The checksum of all of them, in hexadecimal."""
        return self._sum.checksum


class TableFile:
    """A table's file while it is written. It has its name only when :meth:`finish` has brought it to the disk."""

    def __init__(self, path: Path, table: Table) -> None:
        self._path = path
        self._partial = path.with_name(path.name + PARTIAL)
        self._encode = row_encoder(table.columns)
        self._content = ContentSum(table)
        self._compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
        self._digest = sha256()
        self._size = 0
        self._file = self._partial.open("wb")

    def write(self, rows: Sequence[Row]) -> None:
        """Append rows."""
        for row in rows:
            self._content.add(row)
        self._append(self._compressor.compress(b"".join(map(self._encode, rows))))

    def finish(self) -> WrittenFile:
        """Bring everything to the disk and give the file its name."""
        self._append(self._compressor.flush())
        with self._file:
            self._file.flush()
            os.fsync(self._file.fileno())
        self._partial.rename(self._path)
        sync_directory(self._path.parent)
        return WrittenFile(self._content.rows, self._size, self._digest.hexdigest(), self._content.checksum)

    def discard(self) -> None:
        """Take away what was written; does nothing after :meth:`finish`."""
        # Closing writes what is buffered, which fails once more where the disk is full.
        try:
            self._file.close()
        except OSError:
            pass
        finally:
            self._partial.unlink(missing_ok=True)

    def _append(self, content: bytes) -> None:
        self._digest.update(content)
        self._size += len(content)
        self._file.write(content)


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that it is there in full or, after a crash, as it was before."""
    partial = path.with_name(path.name + PARTIAL)
    with partial.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial.rename(path)
    sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """Bring renames in a directory to the disk."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def digest_of_file(path: Path) -> str:
    """Return a file's SHA-256 in hexadecimal."""
    digest = sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def read_rows(path: Path, table: Table, *, skip: int = 0) -> Iterator[Row]:
    """Yield the rows of a table's file.

    Args:
        skip: rows to leave out at the beginning.

    Raises:
        DamagedExportError: names the file, the row and the column.
    """
    return (row for row, _ in _decoded(path, table, skip))


def read_chunks(path: Path, table: Table, *, skip: int, most_rows: int) -> Iterator[list[Row]]:
    """Yield the rows in lists of so many; wide rows in shorter ones, so that they take no more memory."""
    chunk: list[Row] = []
    size = 0
    for row, row_bytes in _decoded(path, table, skip):
        chunk.append(row)
        size += row_bytes
        if len(chunk) == most_rows or size >= _CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _decoded(path: Path, table: Table, skip: int) -> Iterator[tuple[Row, int]]:
    """Yield rows and how many bytes each has in the file, uncompressed."""
    decode = row_decoder(table.columns)
    number = 0
    try:
        with gzip.open(path) as lines:
            for line in lines:
                number += 1
                if number > skip:
                    yield decode(line), len(line)
    except LineError as error:
        raise DamagedExportError(f"{path}: row {number} {error}; export the table again", table=table.name) from None
    except (EOFError, zlib.error, OSError) as error:
        raise DamagedExportError(
            f"{path} is truncated or damaged after row {number}: {error}; bring the file over again", table=table.name
        ) from None
