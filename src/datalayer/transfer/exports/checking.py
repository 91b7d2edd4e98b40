"""Whether an export is what was written: every file, every byte, every row; nothing missing and nothing more."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datalayer.errors import DamagedExportError, SelectionError, TransferError
from datalayer.stores.denied import telling_what_is_denied
from datalayer.transfer.exports.files import SUFFIX, ContentSum, digest_of_file, read_rows
from datalayer.transfer.exports.manifest import MANIFEST, UNFINISHED, ExportedTable, Manifest, read_manifest
from datalayer.wording import counted

OnTable = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class ExportCheck:
    """A checked export; it is as it was written where there are no problems.

    Args:
        manifest: None where it cannot be trusted.
        problems: one sentence each, naming the file.
    """

    directory: Path
    manifest: Manifest | None
    problems: tuple[str, ...]

    @property
    def intact(self) -> bool:
        """Whether everything is as it was written."""
        return not self.problems

    def as_json(self) -> dict[str, Any]:
        """Return the result as JSON-ready values."""
        tables = () if self.manifest is None else self.manifest.tables
        return {
            "intact": self.intact,
            "tables": [{"table": table.name, "rows": table.rows} for table in tables],
            "problems": list(self.problems),
        }


def finished_manifest(directory: Path) -> Manifest:
    """Read the manifest of a finished export.

    Raises:
        SelectionError: there is no such directory, or no export in it.
        DamagedExportError: the export is not finished, or its manifest is missing or was edited.
        AccessDeniedError: it must not be read.
    """
    with telling_what_is_denied("read"):
        _refuse_unfinished(directory)
    manifest = read_manifest(directory / MANIFEST)
    if manifest.finished_at is None:
        raise DamagedExportError(f"{directory / MANIFEST} is the record of an unfinished export; export again")
    return manifest


def _refuse_unfinished(directory: Path) -> None:
    if not directory.is_dir():
        raise SelectionError(f"there is no directory {directory}")
    if not (directory / MANIFEST).exists():
        lacking = f"{directory} has no {MANIFEST}: "
        if (directory / UNFINISHED).exists():
            raise DamagedExportError(f"{lacking}the export is not finished; run the same export again to continue it")
        if any(path.name.endswith(SUFFIX) for path in directory.iterdir()):
            raise DamagedExportError(f"{lacking}it is missing beside its tables; bring it over again")
        raise SelectionError(f"{lacking}it is not an export")


def check_export(directory: Path, *, on_table: OnTable | None = None) -> ExportCheck:
    """Check the manifest, the digest of every file, every row against its table, and that nothing else is there.

    Raises:
        SelectionError: there is no such directory, or no export in it.
    """
    try:
        manifest = finished_manifest(directory)
    except DamagedExportError as error:
        return ExportCheck(directory, None, (str(error),))
    problems = _extra_files(directory, manifest)
    for table in manifest.tables:
        if on_table is not None:
            on_table(table.name)
        problems += file_problems(directory, [table]) or _content_problems(directory, manifest, table)
    return ExportCheck(directory, manifest, tuple(problems))


def file_problems(directory: Path, tables: Iterable[ExportedTable]) -> list[str]:
    """Return which files are missing or not the ones that were written."""
    problems = []
    for table in tables:
        path = directory / table.file
        try:
            with telling_what_is_denied("read"):
                problems += _differences(path, table)
        except FileNotFoundError:
            problems.append(f"{path} is missing")
        except OSError as error:
            problems.append(f"{path} cannot be read: {error.strerror}")
    return problems


def _differences(path: Path, table: ExportedTable) -> list[str]:
    size = path.stat().st_size
    if size != table.bytes:
        return [f"{path} has {size:,} bytes and not {table.bytes:,}: it is truncated or was edited"]
    if digest_of_file(path) != table.sha256:
        return [f"{path} does not have the checksum that the manifest names: it was edited or damaged"]
    return []


def _extra_files(directory: Path, manifest: Manifest) -> list[str]:
    expected = {MANIFEST, *(table.file for table in manifest.tables)}
    return [f"{path} is not part of the export" for path in sorted(directory.iterdir()) if path.name not in expected]


def _content_problems(directory: Path, manifest: Manifest, exported: ExportedTable) -> list[str]:
    """Read every row: a digest says that a file is the one that was written, not that its rows can be read."""
    path, table = directory / exported.file, manifest.schema[exported.name]
    content = ContentSum(table)
    try:
        for row in read_rows(path, table):
            content.add(row)
    except TransferError as error:
        return [str(error)]
    if content.rows != exported.rows:
        return [f"{path} has {counted(content.rows, 'row')} and the manifest names {exported.rows:,}"]
    if content.checksum != exported.content_checksum:
        return [f"{path}: its rows do not have the checksum that the manifest names"]
    return []
