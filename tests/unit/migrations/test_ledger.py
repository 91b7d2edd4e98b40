"""Files beside records: what is pending, and what does not fit."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from datalayer.errors import MigrationError
from datalayer.migrations.files import MigrationFile, Series
from datalayer.migrations.ledger import MigrationRecord, compare, pending

WHEN = datetime(2025, 1, 1, tzinfo=UTC)


def file(version: str, checksum: str = "a" * 64) -> MigrationFile:
    """Build a file without statements."""
    return MigrationFile(version, "change", checksum, transactional=True, statements=())


def record(version: str, checksum: str = "a" * 64) -> MigrationRecord:
    """Build the record of an applied file."""
    return MigrationRecord(version, "change", checksum, WHEN, 0.5)


def series(*files: MigrationFile) -> Series:
    """Number files together."""
    return Series("application", files)


def test_pending_files_are_those_without_a_record() -> None:
    """Applied ones are left out, the order stays."""
    assert pending(series(file("0001"), file("0002"), file("0003")), [record("0001")]) == [file("0002"), file("0003")]


def test_edited_file_is_refused_with_both_checksums_shortened() -> None:
    """The message says which file, what is recorded, what is on disk, and what to do."""
    with pytest.raises(
        MigrationError, match=r"0001_change\.sql was edited .*: a{12} is .* b{12} is .*restore"
    ) as caught:
        pending(series(file("0001", "b" * 64)), [record("0001")])
    assert caught.value.version == "0001"
    assert "a" * 13 not in str(caught.value)


def test_new_file_numbered_below_an_applied_one_is_refused() -> None:
    """Every database applies the files in one order."""
    with pytest.raises(MigrationError, match=r"0001_change\.sql is new, and version 0002 is applied already"):
        pending(series(file("0001"), file("0002")), [record("0002")])


def test_record_without_a_file_stops_nothing() -> None:
    """An older program may still start on a newer database."""
    assert pending(series(file("0001")), [record("0001"), record("0002")]) == []


def test_compare_names_every_state() -> None:
    """Applied, edited, pending and missing stand in the order of their versions."""
    lines = compare(
        [file("0001"), file("0002", "b" * 64), file("0004")], [record("0001"), record("0002"), record("0003")]
    )
    assert [(line.version, line.state) for line in lines] == [
        ("0001", "applied"),
        ("0002", "edited"),
        ("0003", "missing"),
        ("0004", "pending"),
    ]
    assert [line.applied_at for line in lines] == [WHEN, WHEN, WHEN, None]
