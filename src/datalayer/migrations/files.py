"""Migration files on disk: ``0001_name.sql``, plain SQL, applied in the order of their numbers."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from datalayer.errors import MigrationError
from datalayer.migrations.statements import Statement, split

#: First line of a file that must run outside of a transaction, for example for CREATE INDEX CONCURRENTLY.
NON_TRANSACTIONAL = "-- datalayer: non-transactional"

_FILE_NAME = re.compile(r"(?P<version>\d{4,14})_(?P<name>[a-z0-9_]+)\.sql")
_TRANSACTION_WORDS = frozenset({"begin", "start", "commit", "end", "rollback", "abort", "savepoint", "release"})


@dataclass(frozen=True, slots=True)
class MigrationFile:
    """One file.

    Args:
        version: its number as written, for example ``0001``.
        name: the rest of its name.
        checksum: SHA-256 of the text in UTF-8 with line feeds, in hex.
        transactional: whether the file is one transaction.
        statements: what it does, in order.
    """

    version: str
    name: str
    checksum: str
    transactional: bool
    statements: tuple[Statement, ...]

    @property
    def file_name(self) -> str:
        """The file's name, for messages."""
        return f"{self.version}_{self.name}.sql"


@dataclass(frozen=True, slots=True)
class Series:
    """Files that are numbered together: the package's own (``datalayer``) or the application's (``application``)."""

    name: str
    files: tuple[MigrationFile, ...]


def read_series(store: str, directory: Path | str | None = None) -> Series:
    """Read and check every file before anything runs.

    Args:
        store: ``postgres`` or ``sqlite``; chooses among the package's own files.
        directory: the application's own files, instead of the package's.

    Raises:
        MigrationError: the directory or a file cannot be used; says which and why.
    """
    if directory is None:
        return Series("datalayer", _read(packaged_directory(store)))
    path = Path(directory)
    if not path.is_dir():
        raise MigrationError(f"there is no directory {path}")
    files = _read(path)
    if not files:
        raise MigrationError(f"{path} holds no migration file; name them like 0001_first_table.sql")
    return Series("application", files)


def packaged_directory(store: str) -> Traversable:
    """Find the package's own files: inside of an installed package, or beside ``src`` in a checkout."""
    installed = resources.files("datalayer") / "sql"
    root: Traversable = installed if installed.is_dir() else Path(__file__).parents[3] / "sql"
    return root / store


def _read(directory: Traversable) -> tuple[MigrationFile, ...]:
    entries = [entry for entry in directory.iterdir() if entry.name.endswith(".sql")]
    files = sorted((_read_file(entry) for entry in entries), key=lambda file: int(file.version))
    _refuse_twins(files)
    return tuple(files)


def _read_file(entry: Traversable) -> MigrationFile:
    found = _FILE_NAME.fullmatch(entry.name)
    if found is None:
        raise MigrationError(
            f"{entry.name} is not a migration file's name; it needs 4 to 14 digits, an underscore and a name in lower"
            " case, like 0001_first_table.sql"
        )
    try:
        text = entry.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise MigrationError(f"{entry.name} is not UTF-8 text", version=found["version"]) from None
    file = MigrationFile(
        version=found["version"],
        name=found["name"],
        checksum=hashlib.sha256(text.encode()).hexdigest(),
        transactional=text.split("\n", 1)[0].rstrip() != NON_TRANSACTIONAL,
        statements=tuple(split(text, source=entry.name)),
    )
    _refuse_transaction_statements(file)
    return file


def _refuse_twins(files: Sequence[MigrationFile]) -> None:
    counts = Counter(int(file.version) for file in files)
    twins = [file for file in files if counts[int(file.version)] > 1]
    if twins:
        names = ", ".join(file.file_name for file in twins)
        raise MigrationError(f"these files share a version, renumber one: {names}", version=twins[0].version)


def _refuse_transaction_statements(file: MigrationFile) -> None:
    for statement in file.statements:
        if file.transactional and statement.first_word in _TRANSACTION_WORDS:
            raise MigrationError(
                f"{file.file_name}, line {statement.line}: the file runs in a transaction of its own; remove this"
                f" statement, or make the first line of the file: {NON_TRANSACTIONAL}",
                version=file.version,
            )
