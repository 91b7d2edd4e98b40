"""The manifest of an export: what is in it, from where, and the digests that prove it, its own among them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, get_args

from datalayer.errors import DamagedExportError, SelectionError, TransferError
from datalayer.stores.catalog import Table
from datalayer.stores.contract import StoreName
from datalayer.stores.denied import telling_what_is_denied
from datalayer.transfer.exports.schema import table_as_json, table_from_json

#: The last file of an export to be written: where it is, everything else is.
MANIFEST: Final = "manifest.json"
#: The same for an export that is not finished: the tables that are.
UNFINISHED: Final = "unfinished.json"

FORMAT: Final = "datalayer export"
FORMAT_VERSION: Final = 1
#: What ``content_checksum`` is: BLAKE2b-128 of each row's canonical bytes, added modulo 2**128.
CHECKSUM: Final = "blake2b-128 sum of canonical rows"


@dataclass(frozen=True, slots=True)
class ExportedTable:
    """A table whose rows are all in its file.

    Args:
        file: its name in the directory.
        bytes: size of the file.
        sha256: of the file, in hexadecimal.
        content_checksum: of the rows, whatever order and file they are in.
        read_at: when reading began, ISO 8601 in UTC.
    """

    name: str
    file: str
    rows: int
    bytes: int
    sha256: str
    content_checksum: str
    read_at: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """An export.

    Args:
        source: which kind of store the rows come from.
        source_name: where it is, without user and password; empty where nobody said.
        schema: the chosen tables as the source's catalog had them, in the order of their foreign keys.
        tables: the finished ones, in the same order.
        finished_at: None while the export is not finished.
    """

    source: StoreName
    source_name: str
    tool_version: str
    started_at: str
    finished_at: str | None
    schema: Mapping[str, Table]
    tables: tuple[ExportedTable, ...]
    notes: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        """Rows of all tables."""
        return sum(table.rows for table in self.tables)

    @property
    def digest(self) -> str:
        """SHA-256 of everything the manifest says."""
        return _digest(self._members())

    def as_json(self) -> dict[str, Any]:
        """Return the manifest as JSON-ready values, with its own digest."""
        members = self._members()
        return {**members, "sha256": _digest(members)}

    def spelt(self) -> bytes:
        """Return the manifest as the bytes of its file."""
        return _spelt(self.as_json())

    def _members(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "tool_version": self.tool_version,
            "source": self.source,
            "source_name": self.source_name,
            "started_at": self.started_at,
            "finished_at": self.finished_at,
            "checksum": CHECKSUM,
            "tables": [asdict(table) for table in self.tables],
            "schema": [{"name": name, **table_as_json(table)} for name, table in self.schema.items()],
            "notes": list(self.notes),
        }


def read_manifest(path: Path) -> Manifest:
    """Read a manifest and check its digest.

    Raises:
        DamagedExportError: the file is not a manifest, or was edited.
        SelectionError: it is of another version of the format.
        AccessDeniedError: it must not be read.
        TransferError: it cannot be read.
    """
    try:
        with telling_what_is_denied("read"):
            content = path.read_bytes()
        found = json.loads(content)
    except OSError as error:
        raise TransferError(f"{path} cannot be read: {error.strerror}") from None
    except ValueError:
        raise DamagedExportError(f"{path} is truncated or was edited: it is not JSON") from None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise DamagedExportError(f"{path} is not the manifest of an export")
    members = {name: member for name, member in found.items() if name != "sha256"}
    # A byte that JSON does not count, such as a space, is compared as well.
    if found.get("sha256") != _digest(members) or content != _spelt(found):
        raise DamagedExportError(f"{path} was edited: it does not have the checksum that it names")
    if found.get("format_version") != FORMAT_VERSION:
        raise SelectionError(f"{path} was written in another version of the format; load it with the version it names")
    try:
        return _from_json(found)
    except (KeyError, TypeError, ValueError):
        raise DamagedExportError(f"{path} is not a complete manifest") from None


def _from_json(found: Mapping[str, Any]) -> Manifest:
    if found["source"] not in get_args(StoreName):
        raise ValueError
    return Manifest(
        source=found["source"],
        source_name=found["source_name"],
        tool_version=found["tool_version"],
        started_at=found["started_at"],
        finished_at=found["finished_at"],
        schema=_schema(found["schema"]),
        tables=tuple(ExportedTable(**table) for table in found["tables"]),
        notes=tuple(found["notes"]),
    )


def _schema(found: Sequence[Mapping[str, Any]]) -> dict[str, Table]:
    return {table["name"]: table_from_json(table["name"], table) for table in found}


def _spelt(found: Mapping[str, Any]) -> bytes:
    return json.dumps(found, ensure_ascii=False, indent=2).encode() + b"\n"


def _digest(members: Mapping[str, Any]) -> str:
    """Hash the members in one spelling, so that only what is said counts, not how it is laid out."""
    spelt = json.dumps(members, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return sha256(spelt.encode()).hexdigest()
