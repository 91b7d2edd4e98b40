"""The command that goes on: what was typed, without what nobody else should read."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from datalayer.cli.app import run
from datalayer.cli.errors import ExitCode
from datalayer.cli.resuming import continuing


def test_command_can_be_pasted_into_a_shell() -> None:
    """What a shell would split or expand is quoted; a missing password is said."""
    arguments = [
        "copy",
        "--source",
        "sqlite:///my shop.db",
        "--target",
        "postgresql://a:s3cret@db/b",
        "--tables",
        "a,b",
    ]
    assert continuing("datalayer copy", arguments) == (
        "to go on (the password is left out here):"
        " datalayer copy --source 'sqlite:///my shop.db' --target postgresql://a@db/b --tables a,b"
    )
    assert continuing("datalayer migrate up", ["migrate", "up"]) is None


def test_wrong_usage_names_no_command(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The same arguments would be as wrong again."""
    with closing(sqlite3.connect(tmp_path / "a.db")) as connection:
        connection.execute("create table t (id integer primary key)")
    both = ["--source", f"sqlite:///{tmp_path}/a.db", "--target", f"sqlite:///{tmp_path}/b.db"]
    assert run(["copy", *both, "--tables", "x"]) == ExitCode.USAGE
    assert "to go on" not in capsys.readouterr().err
