"""The state of an interrupted comparison: only what was equal, only of the same comparison."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from datalayer.errors import ConfigurationError
from datalayer.transfer import VerifiedTable
from datalayer.transfer.verifying.state import VerifyState

EQUAL = VerifiedTable("clients", 5, 5, "aa", "aa", method="inside both servers", seconds=1.5)


def test_state_remembers_equal_tables_and_parts(tmp_path: Path) -> None:
    """What was equal is known to the next run; what differed is not."""
    file = tmp_path / "state.json"
    state = VerifyState.open(file, "a\nb")
    state.finish(EQUAL)
    state.finish(VerifiedTable("staff", 5, 4, "aa", "bb"))
    state.parts("messages").finish_part("0..9", 10, 2**70)
    again = VerifyState.open(file, "a\nb")
    assert again.table("clients") == EQUAL
    assert again.table("staff") is None
    assert again.parts("messages").part("0..9") == [10, 2**70]
    assert again.parts("messages").part("10..19") is None
    again.remove()
    assert not file.exists()


def test_state_of_another_comparison_is_refused(tmp_path: Path) -> None:
    """A file is never taken for another pair of stores, and holds no URL."""
    file = tmp_path / "state.json"
    VerifyState.open(file, "postgresql://user:secret@host/a\nb")
    assert "secret" not in file.read_text()
    with pytest.raises(ConfigurationError, match="belongs to another comparison"):
        VerifyState.open(file, "a\nc")


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format": 2}', json.dumps({"format": 1})])
def test_damaged_state_is_refused(tmp_path: Path, content: str) -> None:
    """A file that cannot be read says so and what to do."""
    file = tmp_path / "state.json"
    file.write_text(content)
    with pytest.raises(ConfigurationError, match="remove it"):
        VerifyState.open(file, "a\nb")


def test_state_that_cannot_be_written_is_told_at_once(tmp_path: Path) -> None:
    """A directory that is not there is found before the comparison, not after it."""
    with pytest.raises(ConfigurationError, match="cannot be written"):
        VerifyState.open(tmp_path / "missing" / "state.json", "a\nb")
