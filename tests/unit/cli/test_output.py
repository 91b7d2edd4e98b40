"""What commands write, and where."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from datalayer.cli import output


@dataclass(frozen=True, slots=True)
class Line:
    """A result with a value that JSON has no word for."""

    name: str
    at: datetime


def test_json_spells_dataclasses_and_moments(capsys: pytest.CaptureFixture[str]) -> None:
    """Nested results become objects, Cyrillic stays readable."""
    output.print_json({"lines": [Line("Анна", datetime(2025, 1, 1, tzinfo=UTC))]})
    out = capsys.readouterr().out
    assert json.loads(out) == {"lines": [{"name": "Анна", "at": "2025-01-01 00:00:00+00:00"}]}
    assert "Анна" in out


def test_table_off_a_terminal_cuts_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """A long cell stays whole and on one line, brackets are not taken for markup."""
    cell = "[bold] " + "x" * 200
    output.print_table(("name", "state"), [(cell, "applied")])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert cell in lines[1]
    assert lines[1].endswith("applied")


def test_table_without_headings_begins_with_its_rows(capsys: pytest.CaptureFixture[str]) -> None:
    """A list of facts has no empty line above it, and no spaces behind its lines."""
    output.print_table(("", ""), [("writes", "open"), ("entries waiting", "0")])
    assert capsys.readouterr().out == "writes           open\nentries waiting  0\n"


def test_table_on_a_narrow_terminal_cuts_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key or the name of a constraint goes on in the next line, to be put together by who needs it."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "30")
    monkeypatch.setenv("TERM", "xterm")
    key = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
    output.print_table(("key", "state"), [(key, "dead")])
    _, *lines = capsys.readouterr().out.splitlines()
    assert "".join(line.split()[0] for line in lines) == key
    assert max(len(line) for line in lines) <= 30


def test_progress_is_silent_off_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """A log file gets results and errors, no bars."""
    output.progress().print("half-way")
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


def test_note_goes_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    """Notes never mix with results."""
    output.note("left out an index")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "left out an index\n")
