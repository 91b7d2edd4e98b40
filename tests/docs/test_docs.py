"""The documentation cannot drift: its programs run, its links lead somewhere, its settings are all of them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from datalayer import Settings
from datalayer.layer.calls import Calls

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
_PROGRAM = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\]\(([^)#\s]+)\)")
_MADE_A_FILE = "no database is configured (DATABASE_URL, SUPABASE_URL): made the SQLite file datalayer.sqlite3\n"
_VARIABLE = re.compile(r"`([A-Z][A-Z_]+|_[A-Z_]+)`")


def programs() -> list[tuple[str, str]]:
    """Return every Python block as (where, text)."""
    return [
        (f"{page.name}-{place}", block)
        for page in PAGES
        for place, block in enumerate(_PROGRAM.findall(page.read_text()))
    ]


@pytest.mark.parametrize(("where", "program"), programs(), ids=[where for where, _ in programs()])
def test_programs_of_the_documentation_run(where: str, program: str, tmp_path: Path) -> None:
    """Every Python block runs as it stands, in an empty directory, with nothing configured: which the log may say."""
    done = _run(program, tmp_path)
    assert done.returncode == 0
    assert done.stderr in ("", _MADE_A_FILE)


def test_the_first_program_prints_what_it_says(tmp_path: Path) -> None:
    """The README's example writes a client and finds it by its name in another case."""
    assert _run(programs()[0][1], tmp_path).stdout == "Анна 79686484488\n['Анна']\n"


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_links_of_the_documentation_lead_somewhere(page: Path) -> None:
    """Every relative link names a file or folder of the project."""
    links = [link for link in _LINK.findall(page.read_text()) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_named_call_is_documented() -> None:
    """The page of repositories names the twenty calls, and no other of their kind."""
    rows = [line for line in (ROOT / "docs" / "repositories.md").read_text().splitlines() if line.startswith("| ")]
    named = {name for line in rows for name in re.findall(r"`((?:get|search|upsert)_\w+)`", line)}
    calls = {name for name in vars(Calls) if not name.startswith("_")}
    assert named - {"upsert_many"} == calls


def test_every_setting_is_documented() -> None:
    """The page of settings and the settings themselves name the same variables."""
    text = (ROOT / "docs" / "modes.md").read_text()
    named = {name if not name.startswith("_") else f"POSTGRES{name}" for name in _VARIABLE.findall(text)}
    assert _names_of_settings() == named


def _names_of_settings() -> set[str]:
    return {name.upper() for name in Settings.model_fields}


def _run(program: str, directory: Path) -> subprocess.CompletedProcess[str]:
    script = directory / "program.py"
    script.write_text(program)
    plain = {name: value for name, value in os.environ.items() if name not in _names_of_settings()}
    command = [sys.executable, "-W", "error", str(script)]
    return subprocess.run(command, cwd=directory, env=plain, capture_output=True, text=True, check=False)
