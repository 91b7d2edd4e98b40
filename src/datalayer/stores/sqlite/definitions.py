"""Names of constraints, read from the text of CREATE TABLE: SQLite's pragmas do not tell them.

Where a definition gives no name, or writes it in a way not understood here, the name is the one that PostgreSQL would
have made up.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_NAME = r'("(?:[^"]|"")+"|\[[^\]]+\]|`[^`]+`|\w+)'
_ON_TABLE = re.compile(rf"\bconstraint\s+{_NAME}\s+(unique|primary\s+key|foreign\s+key)\s*\(([^)]*)\)", re.IGNORECASE)
_ON_COLUMN = re.compile(
    rf"[(,]\s*{_NAME}(?:[^(),]|\([^()]*\))*?\bconstraint\s+{_NAME}\s+(unique|primary\s+key|references)\b", re.IGNORECASE
)
_LISTED = re.compile(rf"{_NAME}[^,]*")
_CHECK = re.compile(rf"\bconstraint\s+{_NAME}\s+check\b", re.IGNORECASE)
_SUFFIXES = {"unique": "key", "primary": "pkey", "foreign": "fkey"}


class ConstraintNames:
    """The constraint names of one table."""

    def __init__(self, table: str, definition: str, columns: Iterable[str]) -> None:
        self._table = table
        self._columns = tuple(columns)
        self._named: dict[tuple[str, frozenset[str]], str] = {}
        for column, name, word in _ON_COLUMN.findall(definition):
            self._named[_kind(word), frozenset({_bare(column)})] = _bare(name)
        for name, word, listed in _ON_TABLE.findall(definition):
            covered = frozenset(_bare(part) for part in _LISTED.findall(listed))
            self._named[_kind(word), covered] = _bare(name)
        self._checks = {_bare(name) for name in _CHECK.findall(definition)}

    def key(self, kind: str, columns: Iterable[str]) -> str:
        """Return the name of a ``unique``, ``primary`` or ``foreign`` key over these columns."""
        covered = tuple(columns)
        named = self._named.get((kind, frozenset(covered)))
        if named is not None:
            return named
        middle = () if kind == "primary" else covered
        return "_".join((self._table, *middle, _SUFFIXES[kind]))

    def check(self, told: str) -> str:
        """Return the name of the CHECK that SQLite tells by its name or, without one, by its expression."""
        if told in self._checks:
            return told
        used = [name for name in self._columns if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", told)]
        return "_".join((self._table, *(used if len(used) == 1 else ()), "check"))


def _kind(word: str) -> str:
    first = word.lower().split()[0]
    return "foreign" if first == "references" else first


def _bare(name: str) -> str:
    if name[:1] in ('"', "`", "["):
        quoted = name[0]
        return name[1:-1].replace(quoted * 2, quoted) if quoted != "[" else name[1:-1]
    return name
