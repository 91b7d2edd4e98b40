"""What a load reports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class LoadedTable:
    """An exported table whose rows are all dealt with.

    Args:
        rows: in its file.
        written: rows that came of them; fewer where a transform dropped some.
        targets: the tables they were written to.
        resumed_at: rows that an earlier, broken run had dealt with.
        written_before: rows that it had written of them.
    """

    table: str
    rows: int
    written: int
    targets: tuple[str, ...]
    resumed_at: int
    written_before: int = 0


@dataclass(frozen=True, slots=True)
class LoadReport:
    """A finished load.

    Args:
        notes: what was left out or changed on the way, one sentence each.
        problems: what the checks afterwards found: NULLs where the source allows none, references to nothing.
        seconds: wall time of this run.
    """

    tables: tuple[LoadedTable, ...]
    notes: tuple[str, ...]
    problems: tuple[str, ...]
    seconds: float

    @property
    def rows(self) -> int:
        """Rows written, by this run and those before it."""
        return sum(table.written for table in self.tables)

    @property
    def rows_before(self) -> int:
        """Those of them that earlier runs wrote."""
        return sum(table.written_before for table in self.tables)

    def as_json(self) -> dict[str, Any]:
        """Return the report as JSON-ready values."""
        return {
            "sound": not self.problems,
            "tables": [
                {
                    "table": t.table,
                    "rows": t.rows,
                    "written": t.written,
                    "targets": list(t.targets),
                    "resumed_at": t.resumed_at,
                    "written_before": t.written_before,
                }
                for t in self.tables
            ],
            "problems": list(self.problems),
            "notes": list(self.notes),
            "seconds": round(self.seconds, 3),
        }
