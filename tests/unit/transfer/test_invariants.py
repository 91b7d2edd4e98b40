"""Files of invariants: named statements, mistakes told with their place."""

from __future__ import annotations

from pathlib import Path

import pytest

from datalayer.errors import ConfigurationError
from datalayer.transfer.verifying.checks import read_invariants


def test_invariants_are_named_statements(tmp_path: Path) -> None:
    """Each name takes the lines up to the next; comments and the last semicolon do not matter."""
    file = tmp_path / "rules.sql"
    file.write_text("-- the owner's rules\n\n-- name: a b\nselect 1\nwhere false;\n--  name: c\n-- why\nselect 2;\n")
    found = read_invariants(file)
    assert [(each.name, each.statement) for each in found] == [
        ("a b", "select 1\nwhere false"),
        ("c", "-- why\nselect 2"),
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is empty"),
        ("select 1;", "line 1: begin each statement"),
        ("-- name: a\n-- only a comment\n", "the invariant a has no statement"),
        ("-- name:\nselect 1", "the invariant without a name"),
        ("-- name: a\nselect 1\n-- name: b\nselect 2\n-- name: a\nselect 3", "two invariants have the name 'a'"),
        ("-- name: a\n-- why\ndelete from goods", "the invariant 'a' is no question: it must be one select"),
        ("-- name: a\nselection", "the invariant 'a' is no question"),
    ],
)
def test_mistakes_in_invariants_are_told(tmp_path: Path, content: str, said: str) -> None:
    """A file that says nothing, or without names, is refused before anything is compared."""
    file = tmp_path / "rules.sql"
    file.write_text(content)
    with pytest.raises(ConfigurationError, match=said):
        read_invariants(file)


def test_missing_invariants_file_is_told(tmp_path: Path) -> None:
    """A wrong path is a configuration error."""
    with pytest.raises(ConfigurationError, match=r"missing\.sql cannot be read: No such file or directory$"):
        read_invariants(tmp_path / "missing.sql")
    (tmp_path / "latin.sql").write_bytes(b"-- name: \xe9\nselect 1")
    with pytest.raises(ConfigurationError, match=r"latin\.sql cannot be read: it is not UTF-8$"):
        read_invariants(tmp_path / "latin.sql")
