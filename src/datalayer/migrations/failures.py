"""The message of a file that failed: which file, which line, what stays, what to do."""

from __future__ import annotations

from datalayer.errors import MigrationError
from datalayer.migrations.files import MigrationFile


def file_failure(file: MigrationFile, line: int | None, reason: str, hint: str | None = None) -> MigrationError:
    """Build the error for a file of which one statement failed, or its commit when ``line`` is None."""
    where = f"{file.file_name}, line {line}" if line else f"{file.file_name}, at commit"
    kept = (
        "nothing of this file was kept, earlier files stay applied"
        if file.transactional
        else "statements before this line were kept; the file is not recorded and will run again from its first line"
    )
    return MigrationError(f"{where}: {reason}; {kept}" + (f" ({hint})" if hint else ""), version=file.version)
