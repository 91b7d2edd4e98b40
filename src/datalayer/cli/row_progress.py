"""How far rows have come: bars where somebody looks, else a line now and then, with rows a second and time left."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING

from datalayer.cli import output

if TYPE_CHECKING:
    from rich.progress import Task

    from datalayer.transfer.reports import OnProgress, Progress

_LINE_SECONDS = 10.0


@contextmanager
def row_progress(verb: str) -> Iterator[OnProgress]:
    """Yield what hears of the progress."""
    if not sys.stderr.isatty():
        yield _Lines(verb)
        return
    from rich import progress as widgets

    class Speed(widgets.ProgressColumn):
        """Rows a second."""

        def render(self, task: Task) -> str:
            speed = task.finished_speed or task.speed
            return "" if speed is None else f"{speed:,.0f} rows/s"

    columns = (
        widgets.TextColumn("{task.description}"),
        widgets.BarColumn(),
        widgets.MofNCompleteColumn(),
        Speed(),
        widgets.TimeRemainingColumn(),
    )
    with widgets.Progress(*columns, console=output.progress(), transient=True) as bar:
        tasks: dict[str, widgets.TaskID] = {}

        def advance(progress: Progress) -> None:
            if progress.table not in tasks:
                tasks[progress.table] = bar.add_task(f"{verb} {progress.table}", total=progress.total)
            bar.update(tasks[progress.table], completed=progress.rows, total=progress.total)

        yield advance


class _Lines:
    """Writes a line to stderr every ten seconds."""

    def __init__(self, verb: str) -> None:
        self._verb = verb
        self._started = self._written = monotonic()
        self._tables: dict[str, Progress] = {}
        #: Rows that earlier runs had brought: they say nothing about the speed.
        self._before: dict[str, int] = {}

    def __call__(self, progress: Progress) -> None:
        if progress.table not in self._tables:
            self._before[progress.table] = progress.rows if monotonic() - self._started < 1 else 0
        self._tables[progress.table] = progress
        if monotonic() - self._written >= _LINE_SECONDS:
            self._written = monotonic()
            output.note(f"{self._verb} {progress.table}: {self._line()}")

    def _line(self) -> str:
        rows = sum(progress.rows for progress in self._tables.values())
        total = sum(progress.total for progress in self._tables.values())
        speed = (rows - sum(self._before.values())) / (monotonic() - self._started)
        left = f", {(total - rows) / speed:,.0f} s left" if speed > 0 and total > rows else ""
        return f"{rows:,} of {total:,} rows, {speed:,.0f} rows/s{left}"
