"""Where commands write: results to stdout, for people or as JSON; everything else to stderr.

rich is imported at the first use, so that ``--version`` and JSON output do without it.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

#: Columns of a table that is written to a file or a pipe: wide enough never to cut a cell.
_WIDTH_OFF_TERMINAL = 400


def results() -> Console:
    """Return a console on stdout, for what the command was asked."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else _WIDTH_OFF_TERMINAL
    return Console(highlight=False, markup=False, soft_wrap=True, width=width)


def progress() -> Console:
    """Return a console on stderr for bars and notes on the way; silent where nobody looks at it."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, markup=False, quiet=not sys.stderr.isatty())


def note(text: str) -> None:
    """Write a line to stderr that matters also where nobody looks at the progress."""
    sys.stderr.write(f"{text}\n")


def notes(texts: Iterable[str]) -> None:
    """Write what a report notes, to stderr."""
    for text in texts:
        note(f"note: {text}")


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Write rows under their headings, where there are any; what is wider than the terminal is folded, never cut."""
    from rich.table import Column, Table

    headings = [Column(name, overflow="fold") for name in columns]
    table = Table(*headings, box=None, pad_edge=False, header_style="bold", show_header=any(columns))
    for row in rows:
        table.add_row(*row)
    console = results()
    with console.capture() as written:
        console.print(table)
    for line in written.get().splitlines():
        sys.stdout.write(f"{line.rstrip()}\n")


def print_json(value: Mapping[str, Any]) -> None:
    """Write one JSON object; dataclasses in it become objects, what JSON has no word for becomes its text."""
    _write_json(value, indent=2)


def print_json_line(value: object) -> None:
    """Write one value as JSON in one line."""
    _write_json(value, indent=None)


def _write_json(value: object, *, indent: int | None) -> None:
    escaped = "utf" not in (sys.stdout.encoding or "utf").lower()
    sys.stdout.write(json.dumps(value, ensure_ascii=escaped, indent=indent, default=_jsonable) + "\n")


def _jsonable(value: object) -> object:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return str(value)
