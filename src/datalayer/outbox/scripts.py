"""The SQL scripts that come with the package."""

from __future__ import annotations

from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path


def read_script(name: str) -> str:
    """Return a script's text, for example of ``outbox/postgres.sql``."""
    return (_root() / name).read_text(encoding="utf-8")


def _root() -> Traversable:
    """Find the scripts: inside of an installed package, or beside ``src`` in a checkout."""
    installed = resources.files("datalayer") / "sql"
    return installed if installed.is_dir() else Path(__file__).parents[3] / "sql"
