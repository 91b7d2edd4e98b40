"""What ``--help`` looks like on a narrow terminal."""

from __future__ import annotations

from itertools import pairwise

import pytest
import typer

from datalayer.cli.app import app, run
from datalayer.cli.errors import ExitCode

_WIDTH = 80


def _commands(command: object, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    inside = getattr(command, "commands", {})
    return [path, *(found for name, each in inside.items() for found in _commands(each, (*path, name)))]


@pytest.mark.parametrize("path", _commands(typer.main.get_command(app)), ids=" ".join)
def test_help_is_neither_cut_nor_ragged(
    path: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No word is cut, and no line of the text ends where the next word has room."""
    monkeypatch.setenv("COLUMNS", str(_WIDTH))
    assert run([*path, "--help"]) == ExitCode.OK
    lines = capsys.readouterr().out.splitlines()
    assert "…" not in "".join(lines)
    text = [line.rstrip() for line in lines if not line.startswith(("│", "╭", "╰"))]
    for one, other in pairwise(text):
        assert not (one and other) or len(f"{one} {other.split()[0]}") > _WIDTH - 1
