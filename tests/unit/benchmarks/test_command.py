"""The command as a program, as far as it needs no server."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from benchmarks import names
from benchmarks.figures import write_figures
from benchmarks.page import BEGIN, END
from tests.unit.benchmarks.figures import figure

_ROOT = Path(__file__).parents[3]


def run(*arguments: object) -> str:
    """Run the command with these arguments and return what it prints."""
    command = [sys.executable, "-W", "error", "-m", "benchmarks", *map(str, arguments)]
    wide = {**os.environ, "COLUMNS": "200", "PYTHONIOENCODING": "utf-8"}
    return subprocess.run(command, cwd=_ROOT, env=wide, capture_output=True, text=True, check=True).stdout


def test_compare_needs_two_files_and_no_server(tmp_path: Path) -> None:
    """Each variant is on a line with both ratios and what became of it."""
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    write_figures(old, [figure(names.SINGLE_READ, names.OURS, 1.1)])
    write_figures(new, [figure(names.SINGLE_READ, names.OURS, 2.2)])
    (line,) = [line for line in run("--compare", old, new).splitlines() if names.SINGLE_READ in line]
    cells = [names.SINGLE_READ, names.OURS, "1.10", "2.20", "2.00", "slower"]
    assert [cell.strip() for cell in line.strip("│").split("│")] == cells


def test_kept_figures_are_drawn_and_written_without_measuring(tmp_path: Path) -> None:
    """A page and its charts can be made again from a file."""
    kept, page = tmp_path / "kept.json", tmp_path / "page.md"
    write_figures(kept, [figure(names.SINGLE_READ, names.RAW, 1.0), figure(names.SINGLE_READ, names.OURS, 1.1)])
    page.write_text(BEGIN + END)
    assert names.SINGLE_READ in run("--read", kept, "--svg", tmp_path / "benchmarks", "--page", page)
    assert "(benchmarks/single-row-read.svg)" in page.read_text()
    assert (tmp_path / "benchmarks" / "single-row-read.svg").exists()
