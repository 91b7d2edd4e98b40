"""What copy and verify report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

Finding: TypeAlias = Literal[
    "missing table", "extra table", "missing column", "unlike types", "missing row", "extra row", "unequal value"
]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a table is: ``rows`` of about ``total``; when verifying, both stores' rows are counted."""

    table: str
    rows: int
    total: int


OnProgress: TypeAlias = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class CopiedTable:
    """A table whose rows were all written. ``created`` tells whether the copy made the table."""

    table: str
    rows: int
    created: bool


@dataclass(frozen=True, slots=True)
class CopyReport:
    """A finished copy.

    Args:
        tables: in the order they were loaded.
        notes: what was left out or changed on the way, one sentence each.
        seconds: wall time.
    """

    tables: tuple[CopiedTable, ...]
    notes: tuple[str, ...]
    seconds: float

    @property
    def rows(self) -> int:
        """Rows of all tables."""
        return sum(table.rows for table in self.tables)

    def as_json(self) -> dict[str, Any]:
        """Return the report as JSON-ready values."""
        return {
            "tables": [{"table": t.table, "rows": t.rows, "created": t.created} for t in self.tables],
            "notes": list(self.notes),
            "seconds": round(self.seconds, 3),
        }


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference, without values.

    Args:
        finding: what was found; "missing" and "extra" are said of the target.
        key: the row's key; empty where the table has none or the difference is not about a row.
        columns: the columns in which the row differs.
        row: where the row stood when it was read, counted from 1; only for a table without a key.
    """

    finding: Finding
    key: Mapping[str, Any]
    columns: tuple[str, ...] = ()
    row: int | None = None

    def __str__(self) -> str:
        at = ", ".join(f"{name}={value}" for name, value in self.key.items())
        place = f" at {at}" if at else f" number {self.row} (as read)" if self.row is not None else ""
        return f"{self.finding}{place}" + (f" in {', '.join(self.columns)}" if self.columns else "")

    def as_json(self) -> dict[str, Any]:
        """Return the difference as JSON-ready values."""
        key = {name: value if isinstance(value, int | str) else str(value) for name, value in self.key.items()}
        return {"finding": self.finding, "key": key, "columns": list(self.columns), "row": self.row}


@dataclass(frozen=True, slots=True)
class VerifiedTable:
    """A table compared on both sides; rows and checksum are None where the table could not be read there."""

    table: str
    source_rows: int | None
    target_rows: int | None
    source_checksum: str | None
    target_checksum: str | None
    differences: tuple[Difference, ...] = ()

    @property
    def equal(self) -> bool:
        """Whether counts and contents are the same."""
        return (
            not self.differences
            and self.source_rows == self.target_rows
            and self.source_checksum == self.target_checksum
        )

    def as_json(self) -> dict[str, Any]:
        """Return the comparison as JSON-ready values."""
        return {
            "table": self.table,
            "source_rows": self.source_rows,
            "target_rows": self.target_rows,
            "equal": self.equal,
            "source_checksum": self.source_checksum,
            "target_checksum": self.target_checksum,
            "differences": [difference.as_json() for difference in self.differences],
        }


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """A finished comparison; ``notes`` say what was not compared."""

    tables: tuple[VerifiedTable, ...]
    notes: tuple[str, ...]
    seconds: float

    @property
    def equal(self) -> bool:
        """Whether all tables are equal."""
        return all(table.equal for table in self.tables)

    def as_json(self) -> dict[str, Any]:
        """Return the report as JSON-ready values."""
        return {
            "equal": self.equal,
            "tables": [table.as_json() for table in self.tables],
            "notes": list(self.notes),
            "seconds": round(self.seconds, 3),
        }
