"""The demo's output off a terminal: plain lines, nothing cut, nothing animated."""

from __future__ import annotations

import io

from rich.console import Console

from datalayer.demo.report import ComparedCall
from datalayer.demo.screen import Screen
from datalayer.transfer import Difference, VerifiedTable


def _written(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def _console() -> Console:
    return Console(file=io.StringIO(), width=200)


def test_steps_are_numbered_and_plain_off_a_terminal() -> None:
    """Steps count up; what is said inside of a step for a terminal is left out elsewhere."""
    console = _console()
    screen = Screen(console)
    with screen.step("First") as tell:
        tell("only for terminals")
        screen.line("a line with [brackets] and :smile:")
    with screen.step("Second"):
        pass
    text = _written(console)
    assert "1. First\n" in text
    assert "2. Second\n" in text
    assert "   a line with [brackets] and :smile:" in text
    assert "only for terminals" not in text
    assert "\x1b" not in text


def test_tables_show_verdicts_and_first_differences() -> None:
    """A table that differs is marked, and its first differences are named below."""
    console = _console()
    unlike = VerifiedTable("staff", 12, None, "a", None, (Difference("missing row", {"id": 7}),))
    Screen(console).tables([VerifiedTable("clients", 1304, 1304, "a", "a"), unlike])
    lines = [line.split() for line in _written(console).splitlines()]
    assert ["clients", "1,304", "1,304", "yes"] in lines
    assert ["staff", "12", "none", "NO"] in lines
    assert "staff: missing row at id=7" in _written(console)


def test_narrow_terminal_loses_no_column() -> None:
    """What does not fit is folded: each name and each verdict is there to the last letter."""
    console = Console(file=io.StringIO(), width=44)
    call = ComparedCall("get_upcoming_appointments", 1234.126, 2.0, equal=True)
    Screen(console).calls([call, ComparedCall("get_staff", 8.0, 2.0, equal=False)], "Supabase")
    lines = _written(console).splitlines()
    letters = "".join("".join(lines).split())
    assert "…" not in letters
    assert max(len(line) for line in lines) <= 44
    assert [word for word in ("yes", "NO", "2.00", "4.0x") if word not in letters] == []
    columns = [line[3:].split()[0] for line in lines if line[3:4].strip()]
    assert "get_upcoming_appointments" in "".join(columns)


def test_calls_show_both_latencies_and_their_ratio() -> None:
    """One line per call: name, milliseconds on both sides, times faster, equal."""
    console = _console()
    Screen(console).calls([ComparedCall("get_staff", 8.126, 2.0, equal=True)], "Supabase")
    lines = [line.split() for line in _written(console).splitlines()]
    assert ["get_staff", "8.13", "2.00", "4.1x", "yes"] in lines
