"""Where fetched programs are kept: the user's cache directory, else a private one in the temporary directory."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from datalayer.errors import ConfigurationError


def readable_caches() -> Iterator[Path]:
    """Yield the directories in which something of ours may be, best first."""
    yield _of_user()
    if _is_private(_in_temporary()):
        yield _in_temporary()


def writable_cache() -> Path:
    """Return the first directory that can be written, made where it is missing.

    Raises:
        ConfigurationError: there is none; the message names those that were tried.
    """
    if _can_be_written(_of_user()):
        return _of_user()
    if _can_be_written(_in_temporary()) and _is_private(_in_temporary()):
        return _in_temporary()
    raise ConfigurationError(
        f"neither {_of_user()} nor {_in_temporary()} can be written by this user alone;"
        " let XDG_CACHE_HOME name a directory of yours",
        variables=("XDG_CACHE_HOME",),
    )


def _of_user() -> Path:
    try:
        import platformdirs
    except ImportError:
        raise ConfigurationError("a package is missing: pip install 'datalayer[demo]'") from None
    return Path(platformdirs.user_cache_dir("datalayer"))


def _in_temporary() -> Path:
    """For users without a home that can be written, as service accounts are."""
    return Path(tempfile.gettempdir()) / f"datalayer-cache-{os.getuid()}"


def _can_be_written(directory: Path) -> bool:
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(directory, os.W_OK | os.X_OK)


def _is_private(directory: Path) -> bool:
    """Whether nobody else can have put a program there: its name is known, and everybody may make it."""
    try:
        found = directory.lstat()
    except OSError:
        return False
    others_write = found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not others_write
