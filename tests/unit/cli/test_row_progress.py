"""What is said of rows on their way where nobody looks at a terminal."""

from __future__ import annotations

import pytest

from datalayer.cli import row_progress
from datalayer.transfer import Progress


@pytest.mark.parametrize(
    ("heard", "said"),
    [
        ([Progress("t", 7_000, 80_000)], "reading t: 7,000 of 80,000 rows, 700 rows/s, 104 s left"),
        ([Progress("t", 80_000, 80_000)], "reading t: 80,000 of 80,000 rows, 8,000 rows/s"),
        ([Progress("t", 70_000, 80_000, 69_000)], "reading t: 70,000 of 80,000 rows, 100 rows/s, 100 s left"),
        ([Progress("t", 155_000, None)], "reading t: 155,000 rows, 15,500 rows/s"),
        ([Progress("s", 5_000, 5_000), Progress("t", 7, None)], "reading t: 5,007 rows, 501 rows/s"),
    ],
)
def test_line_has_rows_total_and_speed(
    heard: list[Progress], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The speed is of this run, whenever its first rows came; where no total is known, none is made up."""
    now = 100.0
    monkeypatch.setattr(row_progress, "monotonic", lambda: now)
    with row_progress.row_progress("reading") as on_progress:
        for progress in heard[:-1]:
            on_progress(progress)
        now += 10
        on_progress(heard[-1])
    assert capsys.readouterr().err == f"{said}\n"
