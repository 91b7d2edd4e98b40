"""Files and directories that one has no right to: the same error as of a server's tables."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from datalayer.errors import AccessDeniedError


@contextmanager
def telling_what_is_denied(operation: str) -> Iterator[None]:
    """Have a file that must not be read or written be an AccessDeniedError, which names it."""
    try:
        yield
    except PermissionError as error:
        raise AccessDeniedError(
            f"no right to {error.filename}",
            store="files",
            operation=operation,
            sqlstate="42501",
            hint="look at the permissions of the file and of the directories above it",
        ) from None
