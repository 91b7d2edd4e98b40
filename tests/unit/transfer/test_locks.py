"""Locks of a directory and of a SQLite file, where they cannot be had."""

from __future__ import annotations

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
