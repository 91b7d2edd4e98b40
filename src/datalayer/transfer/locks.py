"""One move at a time into a directory or a SQLite file; the kernel lets go of the lock when its process dies."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from datalayer.errors import AccessDeniedError, TransferError

#: Ends the name of an empty file beside a SQLite file while rows are moved into that. The file itself must not be
#: opened a second time: closing it would drop the locks that SQLite has on it.
LOCK_SUFFIX: Final = ".datalayer-lock"


@contextmanager
def alone_in_directory(directory: Path) -> Iterator[None]:
    """Keep other exports out of a directory; it is the directory itself that is locked.

    Raises:
        TransferError: another one is at work.
    """
    held = os.open(directory, os.O_RDONLY)
    try:
        if not _locked(held):
            raise TransferError(f"another export is at work in {directory}; wait for its end or stop it")
        yield
    finally:
        os.close(held)


@contextmanager
def alone_in_file(database: str) -> Iterator[None]:
    """Keep other copies and loads out of a SQLite file.

    Raises:
        TransferError: another one is at work, or nobody can tell.
        AccessDeniedError: no file must be made beside it.
    """
    path = Path(os.path.realpath(database) + LOCK_SUFFIX)
    try:
        held = _newest(path)
    except OSError as error:
        told = f"{path} cannot be locked, and a second move not kept out: {error.strerror}"
        if isinstance(error, PermissionError):
            raise AccessDeniedError(told, store="sqlite", operation="lock", sqlstate="42501") from None
        raise TransferError(told) from None
    if held is None:
        raise TransferError(f"another copy or load into {database} is at work; wait for its end or stop it")
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(held)


def _newest(path: Path) -> int | None:
    """Open the lock file and lock it; None where another process has. Its holder removes it before letting go of it."""
    while True:
        held = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
        try:
            is_ours = _locked(held)
            if is_ours and _is_at(path, held):
                return held
        except OSError:
            os.close(held)
            raise
        os.close(held)
        if not is_ours:
            return None


def _is_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
