"""What a comparison that was interrupted need not do again: tables and parts of tables that were found equal.

What differs is never remembered, so that it is looked at again after somebody has put it right.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from datalayer.errors import ConfigurationError
from datalayer.transfer.reports import VerifiedTable

_FORMAT: Final = 1


@dataclass(slots=True)
class TableState:
    """Equal parts of one table: rows and sum of row hashes by the part's name."""

    parts: dict[str, list[int]]
    _state: VerifyState | None = None

    def part(self, name: str) -> list[int] | None:
        """Return rows and sum of a part that was found equal."""
        return self.parts.get(name)

    def finish_part(self, name: str, rows: int, total: int) -> None:
        """Remember an equal part."""
        if self._state is not None:
            self.parts[name] = [rows, total]
            self._state.save()


@dataclass(slots=True)
class VerifyState:
    """The state of one comparison, in a file.

    Args:
        path: of the file; written again after each equal part, in one step.
        between: what is compared, in words; a file of another comparison is refused. Only its hash is kept.
    """

    path: Path
    between: str
    _tables: dict[str, dict[str, Any]] = field(default_factory=dict)
    _parts: dict[str, dict[str, list[int]]] = field(default_factory=dict)

    @classmethod
    def open(cls, path: Path, between: str) -> VerifyState:
        """Read the file, or begin a new one.

        Raises:
            ConfigurationError: the file cannot be read, or belongs to another comparison.
        """
        state = cls(path, sha256(between.encode()).hexdigest())
        try:
            kept = json.loads(path.read_text())
            if not isinstance(kept, dict) or kept["format"] != _FORMAT:
                raise ValueError("format")
            if kept["between"] != state.between:
                raise ConfigurationError(
                    f"the state file {path} belongs to another comparison; remove it or name another one"
                )
            state._tables, state._parts = dict(kept["tables"]), dict(kept["parts"])
        except FileNotFoundError:
            state.save()
        except (OSError, ValueError, KeyError, TypeError):
            raise ConfigurationError(
                f"the state file {path} cannot be read; remove it to begin the comparison again"
            ) from None
        return state

    def table(self, name: str) -> VerifiedTable | None:
        """Return a table that was found equal."""
        kept = self._tables.get(name)
        return None if kept is None else VerifiedTable(name, **kept)

    def parts(self, name: str) -> TableState:
        """Return the equal parts of a table."""
        return TableState(self._parts.setdefault(name, {}), self)

    def finish(self, table: VerifiedTable) -> None:
        """Remember an equal table."""
        self._parts.pop(table.table, None)
        if table.equal:
            self._tables[table.table] = {
                "source_rows": table.source_rows,
                "target_rows": table.target_rows,
                "source_checksum": table.source_checksum,
                "target_checksum": table.target_checksum,
                "method": table.method,
                "seconds": table.seconds,
            }
        self.save()

    def save(self) -> None:
        """Write the file."""
        content = {"format": _FORMAT, "between": self.between, "tables": self._tables, "parts": self._parts}
        written = self.path.with_name(self.path.name + ".new")
        try:
            written.write_text(json.dumps(content, indent=1) + "\n")
            written.replace(self.path)
        except OSError as error:
            raise ConfigurationError(f"the state file {self.path} cannot be written: {error.strerror}") from None

    def remove(self) -> None:
        """Remove the file: the comparison is finished."""
        with suppress(FileNotFoundError):
            self.path.unlink()
