"""The command as a program, as far as it needs no server."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks import names
from benchmarks.figures import write_figures
from benchmarks.page import BEGIN, END
from tests.unit.benchmarks.figures import figure

_ROOT = Path(__file__).parents[3]


def run(*arguments: object) -> str:
    """Run the command with these arguments and return what it prints."""
    done = ended(*arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def ended(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the command with these arguments to its end."""
    command = [sys.executable, "-W", "error", "-m", "benchmarks", *map(str, arguments)]
    wide = {**os.environ, "COLUMNS": "200", "PYTHONIOENCODING": "utf-8"}
    return subprocess.run(command, cwd=_ROOT, env=wide, capture_output=True, text=True, check=False)


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


@pytest.mark.parametrize("content", ["words", '[{"a": 1}]', "5", "{}", "[5]", None])
@pytest.mark.parametrize("option", ["--read", "--compare"])
def test_files_without_figures_are_refused_in_one_line(tmp_path: Path, option: str, content: str | None) -> None:
    """A file that is missing, or is something else, is named."""
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    write_figures(good, [figure(names.SINGLE_READ, names.OURS, 1.1)])
    if content is not None:
        bad.write_text(content)
    said = _refused(option, *([good] if option == "--compare" else []), bad)
    assert str(bad) in said
    assert ("No such file" if content is None else "no figures") in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--page", "nofile.md"], "nofile.md: No such file"),
        (["--page", "bare.md"], "the page lacks <!-- figures"),
        (["--svg", "bare.md"], "bare.md: File exists"),
        (["--json", "nodir/x.json"], "nodir/x.json: No such file"),
        (["--compare", "kept.json", "kept.json", "--json", "x.json"], "--compare measures nothing and goes without"),
        (["--read", "kept.json", "--quick"], "--read measures nothing and goes without --quick"),
        (["--only", "nothing"], "there is no scenario 'nothing'; there are: single-read"),
    ],
)
def test_mistakes_are_said_before_anything_is_measured(tmp_path: Path, arguments: list[str], said: str) -> None:
    """Measuring takes long: what cannot be written in the end is refused first, in one line."""
    (tmp_path / "bare.md").write_text("# Title\n")
    write_figures(tmp_path / "kept.json", [figure(names.SINGLE_READ, names.RAW, 1.0)])
    placed = [str(tmp_path / word) if "." in word else word for word in arguments]
    assert said in _refused(*placed).replace(f"{tmp_path}/", "")


def _refused(*arguments: object) -> str:
    done = ended(*arguments)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("nox -s bench --: error: ")]
    assert line == done.stderr.splitlines()[-1]
    return line
