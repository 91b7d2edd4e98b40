"""Locks of a directory and of a SQLite file, where they cannot be had."""

from __future__ import annotations

import errno
import fcntl
import os
import re
from pathlib import Path

import pytest

from datalayer.errors import TransferError
from datalayer.transfer.locks import LOCK_SUFFIX, alone_in_file


def test_lock_that_cannot_be_made_is_told_as_that(tmp_path: Path) -> None:
    """The file beside the database is named, with the reason of the system."""
    database = tmp_path / "to.db"
    place = Path(f"{database}{LOCK_SUFFIX}")
    place.mkdir()
    told = f"{re.escape(str(place))} cannot be locked, and a second move not kept out: Is a directory"
    with pytest.raises(TransferError, match=told), alone_in_file(str(database)):
        pass


def test_lock_that_a_file_system_does_not_know_leaves_nothing_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reason is told, and the file that was opened for it is closed."""
    opened: list[int] = []

    def refuse(descriptor: int, _: int) -> None:
        opened.append(descriptor)
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(TransferError, match="No locks available"), alone_in_file(str(tmp_path / "to.db")):
        pass
    (descriptor,) = opened
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)
