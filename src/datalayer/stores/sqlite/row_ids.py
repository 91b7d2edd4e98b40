"""The names of SQLite's hidden row id, each of which a column may take."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

_NAMES: Final = ("_rowid_", "rowid", "oid")


def row_id_beside(columns: Iterable[str]) -> str | None:
    """Return a name of the row id that none of these columns hides; None where they hide them all."""
    taken = {name.lower() for name in columns}
    return next((name for name in _NAMES if name not in taken), None)
