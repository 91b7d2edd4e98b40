"""What is recorded in schema_migrations, compared with the files: what is to do, and what does not fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from datalayer.errors import MigrationError
from datalayer.migrations.files import MigrationFile, Series

#: The table that records what was applied; on both databases, in the connection's default schema.
LEDGER_TABLE = "schema_migrations"

State: TypeAlias = Literal["applied", "pending", "edited", "missing"]


@dataclass(frozen=True, slots=True)
class MigrationRecord:
    """One line of schema_migrations."""

    version: str
    name: str
    checksum: str
    applied_at: datetime
    duration_seconds: float


@dataclass(frozen=True, slots=True)
class MigrationStatus:
    """One version: ``edited`` files changed after they were applied, ``missing`` ones are applied and not on disk."""

    version: str
    name: str
    state: State
    applied_at: datetime | None = None
    duration_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class AppliedMigration:
    """One file that was applied just now. ``notices`` are the server's, for example what a file left out."""

    version: str
    name: str
    duration_seconds: float
    notices: tuple[str, ...] = ()


def compare(files: Sequence[MigrationFile], records: Sequence[MigrationRecord]) -> list[MigrationStatus]:
    """Lay files and records side by side, in the order of their versions."""
    recorded = {record.version: record for record in records}
    on_disk = {file.version for file in files}
    lines = [_file_status(file, recorded.get(file.version)) for file in files]
    lines += [_record_status(record, "missing") for record in records if record.version not in on_disk]
    return sorted(lines, key=lambda line: int(line.version))


def pending(series: Series, records: Sequence[MigrationRecord]) -> list[MigrationFile]:
    """Return the files to apply, in order.

    Raises:
        MigrationError: an applied file was edited, or a new one is numbered below an applied one.
    """
    recorded = {record.version: record for record in records}
    newest = max((int(record.version) for record in records), default=-1)
    files = []
    for file in series.files:
        record = recorded.get(file.version)
        if record is None:
            if int(file.version) < newest:
                raise MigrationError(
                    f"{file.file_name} is new, and version {newest:04} is applied already; number it higher, so that"
                    " every database applies the files in one order",
                    version=file.version,
                )
            files.append(file)
        elif record.checksum != file.checksum:
            raise MigrationError(
                f"{file.file_name} was edited after it was applied: {record.checksum[:12]} is recorded,"
                f" {file.checksum[:12]} is on disk; restore the file, and make the change in a new one",
                version=file.version,
            )
    return files


def _file_status(file: MigrationFile, record: MigrationRecord | None) -> MigrationStatus:
    if record is None:
        return MigrationStatus(file.version, file.name, "pending")
    return _record_status(record, "applied" if record.checksum == file.checksum else "edited")


def _record_status(record: MigrationRecord, state: State) -> MigrationStatus:
    return MigrationStatus(record.version, record.name, state, record.applied_at, record.duration_seconds)
