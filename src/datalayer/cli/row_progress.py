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
def row_progress(verb: str, *, counted: str = "rows") -> Iterator[OnProgress]:
    """Yield what hears of the progress.

    Args:
        counted: what is counted, for the lines.
    """
    if not sys.stderr.isatty():
        yield _Lines(verb, counted)
        return
    from rich import progress as widgets

    class Count(widgets.ProgressColumn):
        """Rows of how many."""

        def render(self, task: Task) -> str:
            return f"{task.completed:,.0f}" + ("" if task.total is None else f"/{task.total:,.0f}")

    class Speed(widgets.ProgressColumn):
        """Rows a second."""

        def render(self, task: Task) -> str:
            speed = task.finished_speed or task.speed
            return "" if speed is None else f"{speed:,.0f} rows/s"

    columns = (
        widgets.TextColumn("{task.description}"),
        widgets.BarColumn(),
        Count(),
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

    def __init__(self, verb: str, counted: str) -> None:
        self._verb = verb
        self._counted = counted
        self._started = self._written = monotonic()
        self._tables: dict[str, Progress] = {}

    def __call__(self, progress: Progress) -> None:
        self._tables[progress.table] = progress
        if monotonic() - self._written >= _LINE_SECONDS:
            self._written = monotonic()
            output.note(f"{self._verb} {progress.table}: {self._line()}")

    def _line(self) -> str:
        seen = self._tables.values()
        rows, totals = sum(progress.rows for progress in seen), [progress.total for progress in seen]
        speed = (rows - sum(progress.before for progress in seen)) / (monotonic() - self._started)
        total = None if None in totals else sum(filter(None, totals))
        of = "" if total is None else f" of {total:,}"
        left = f", {(total - rows) / speed:,.0f} s left" if total is not None and speed > 0 and total > rows else ""
        return f"{rows:,}{of} {self._counted}, {speed:,.0f} rows/s{left}"
