"""How the demo speaks: numbered steps, lines under them, tables; a spinner where somebody looks at a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from time import perf_counter

from rich.console import Console, JustifyMethod
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from datalayer.demo.report import ComparedCall
from datalayer.transfer import VerifiedTable


class Screen:
    """Writes to a console, step after step."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._step = 0  # changed by step alone

    def title(self, text: str, below: str) -> None:
        """Write the first two lines."""
        self._console.print(Text(text, style="bold"))
        self._console.print(Text(below, style="dim"))

    @contextmanager
    def step(self, title: str) -> Iterator[Callable[[str], None]]:
        """Begin a numbered step; lends a function that says, on a terminal, what is being done inside of it."""
        self._step += 1
        started = perf_counter()
        heading = Text(f"\n{self._step}. {title}", style="bold cyan")
        self._console.print(heading)
        if self._console.is_terminal:
            with self._console.status("") as status:
                yield lambda text: status.update(Text(text, style="dim"))
        else:
            yield lambda _: None
        self.line(f"done in {perf_counter() - started:.1f} s", style="dim")

    def heading(self, text: str) -> None:
        """Write a heading without a number."""
        self._console.print(Text(f"\n{text}", style="bold cyan"))

    def line(self, text: str, *, style: str = "") -> None:
        """Write a line under the step."""
        self._indented(Text(text, style=style))

    def tables(self, tables: Sequence[VerifiedTable]) -> None:
        """Write what was compared, table by table, and the first differences where there are any."""
        rows = [(_plain(t.table), _number(t.source_rows), _number(t.target_rows), _verdict(t.equal)) for t in tables]
        self._table(("table", "source rows", "target rows", "equal"), rows)
        for table in tables:
            for difference in table.differences[:3]:
                self.line(f"{table.table}: {difference}", style="red")

    def calls(self, calls: Sequence[ComparedCall], source: str) -> None:
        """Write the latencies of both sides beside each other."""
        rows = [
            (
                _plain(call.name),
                _plain(f"{call.supabase_ms:.2f}"),
                _plain(f"{call.postgres_ms:.2f}"),
                _plain(f"{call.times_faster:.1f}x"),
                _verdict(call.equal),
            )
            for call in calls
        ]
        self._table(("call", f"{source}, ms", "PostgreSQL, ms", "faster", "equal"), rows)

    def _table(self, headings: Sequence[str], rows: Sequence[Sequence[Text]]) -> None:
        table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
        for number, heading in enumerate(headings):
            justify: JustifyMethod = "left" if number in (0, len(headings) - 1) else "right"
            table.add_column(heading, justify=justify, overflow="fold")
        for row in rows:
            table.add_row(*row)
        self._indented(table)

    def _indented(self, content: Text | Table) -> None:
        self._console.print(Padding(content, (0, 0, 0, 3), expand=False), soft_wrap=False)


def _plain(text: str) -> Text:
    return Text(text)


def _number(rows: int | None) -> Text:
    return Text("none" if rows is None else f"{rows:,}")


def _verdict(equal: bool) -> Text:
    return Text("yes", style="green") if equal else Text("NO", style="bold red")
