"""What copy and verify report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from math import floor
from typing import Any, Literal, TypeAlias

from datalayer.transfer.naming import key_text
from datalayer.wording import agreed, counted

Finding: TypeAlias = Literal[
    "missing table",
    "extra table",
    "missing column",
    "unlike types",
    "missing row",
    "extra row",
    "unequal value",
    "unequal null",
    "unequal precision",
    "unequal type",
    "unequal checksum",
]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a table is; when verifying, both stores' rows are counted.

    Args:
        rows: that have passed.
        total: about how many there are; None where nobody knows.
        before: those of ``rows`` that an earlier run had brought.
    """

    table: str
    rows: int
    total: int | None
    before: int = 0


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
class SyncedTable:
    """A table that was brought up to date: rows written, where reading began, and the watermark of the next time."""

    table: str
    rows: int
    since: str | None
    watermark: str | None


@dataclass(frozen=True, slots=True)
class CatchUpReport:
    """A finished sync; ``notes`` say what was left out."""

    tables: tuple[SyncedTable, ...]
    notes: tuple[str, ...]
    seconds: float

    @property
    def rows(self) -> int:
        """Rows of all tables, those in the overlap included."""
        return sum(table.rows for table in self.tables)

    def as_json(self) -> dict[str, Any]:
        """Return the report as JSON-ready values."""
        return {
            "tables": [
                {"table": t.table, "rows": t.rows, "since": t.since, "watermark": t.watermark} for t in self.tables
            ],
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
        at = key_text(self.key)
        place = f" at {at}" if at else f" number {self.row} (as read)" if self.row is not None else ""
        return f"{self.finding}{place}" + (f" in {', '.join(self.columns)}" if self.columns else "")

    def as_json(self) -> dict[str, Any]:
        """Return the difference as JSON-ready values."""
        key = {name: value if isinstance(value, int | str) else str(value) for name, value in self.key.items()}
        return {"finding": self.finding, "key": key, "columns": list(self.columns), "row": self.row}


@dataclass(frozen=True, slots=True)
class Differing:
    """How many rows of a table differ; "missing" and "extra" are said of the target.

    Args:
        changed: rows that are on both sides, and not the same.
        complete: False where so many differ that they were not all counted.
    """

    missing: int = 0
    extra: int = 0
    changed: int = 0
    complete: bool = True

    @property
    def rows(self) -> int:
        """All of them."""
        return self.missing + self.extra + self.changed


Method: TypeAlias = Literal[
    "inside both servers", "SHA-256 inside both servers", "canonical", "canonical, by SHA-256", "row by row"
]


@dataclass(frozen=True, slots=True)
class VerifiedTable:
    """A table compared on both sides; rows and checksum are None where the table could not be read there.

    Args:
        differences: the first ones.
        differing: all of them, counted.
        method: where the checksums were computed.
        seconds: wall time of this table.
    """

    table: str
    source_rows: int | None
    target_rows: int | None
    source_checksum: str | None
    target_checksum: str | None
    differences: tuple[Difference, ...] = ()
    differing: Differing = Differing()
    method: Method = "canonical"
    seconds: float = 0.0

    @property
    def equal(self) -> bool:
        """Whether counts and contents are the same."""
        return (
            not self.differences
            and self.source_rows == self.target_rows
            and self.source_checksum == self.target_checksum
        )

    @property
    def matching_rows(self) -> int:
        """Rows of the source that the target has just so; at most, where the differing ones were not all counted."""
        return max(0, (self.source_rows or 0) - self.differing.missing - self.differing.changed)

    def __str__(self) -> str:
        """Say how many rows match; the share is never rounded up to 100 %."""
        rows = self.source_rows
        if rows is None or self.target_rows is None:
            return f"{self.table} {'is missing' if self.target_rows is None else 'is only'} in the target"
        matching = self.matching_rows
        share = 100.0 if matching == rows else floor(matching * 10_000 / rows) / 100
        counts = [
            (self.differing.missing, "missing"),
            (self.differing.extra, "extra"),
            (self.differing.changed, "changed"),
        ]
        said = ", ".join(f"{count:,} {word}" for count, word in counts if count)
        at_most = "" if self.differing.complete else "at most "
        line = f"{self.table} {at_most}{matching:,}/{rows:,} rows match ({share:g} %)"
        return f"{line}: {said}" if said else line

    def as_json(self) -> dict[str, Any]:
        """Return the comparison as JSON-ready values."""
        return {
            "table": self.table,
            "source_rows": self.source_rows,
            "target_rows": self.target_rows,
            "matching_rows": self.matching_rows,
            "equal": self.equal,
            "source_checksum": self.source_checksum,
            "target_checksum": self.target_checksum,
            "method": self.method,
            "differing": asdict(self.differing),
            "differences": [difference.as_json() for difference in self.differences],
            "seconds": round(self.seconds, 3),
        }


@dataclass(frozen=True, slots=True)
class Check:
    """A rule that the target's rows must keep, and how many break it.

    Args:
        kind: where the rule comes from.
        name: the columns, or the invariant's name.
        table: None for an invariant.
        violations: None where the store cannot answer; ``reason`` says why.
    """

    kind: Literal["foreign key", "required", "invariant"]
    name: str
    table: str | None
    violations: int | None
    reason: str | None = None

    def __str__(self) -> str:
        subject = f"{self.kind} {self.table + '.' if self.table else ''}{self.name}"
        if self.violations is None:
            return f"{subject}: not checked, {self.reason}"
        return f"{subject}: {broken_by(self.violations) if self.violations else 'kept'}"


def broken_by(rows: int) -> str:
    """Say how many rows break a rule."""
    return f"{counted(rows, 'row')} {agreed(rows, 'breaks', 'break')} it"


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """A finished comparison.

    Args:
        notes: what was not compared, and what else to know.
        checks: rules of the target's rows; filled when they were asked for.
        started: when the snapshots were taken.
    """

    tables: tuple[VerifiedTable, ...]
    notes: tuple[str, ...]
    seconds: float
    checks: tuple[Check, ...] = ()
    started: datetime | None = None

    @property
    def equal(self) -> bool:
        """Whether all tables are equal."""
        return all(table.equal for table in self.tables)

    @property
    def violated(self) -> tuple[Check, ...]:
        """Rules that rows of the target break."""
        return tuple(check for check in self.checks if check.violations)

    @property
    def proven(self) -> bool:
        """Whether all tables are equal and no rule is broken."""
        return self.equal and not self.violated

    def as_json(self) -> dict[str, Any]:
        """Return the report as JSON-ready values."""
        return {
            "equal": self.equal,
            "proven": self.proven,
            "started": None if self.started is None else self.started.isoformat(timespec="seconds"),
            "tables": [table.as_json() for table in self.tables],
            "checks": [asdict(check) for check in self.checks],
            "notes": list(self.notes),
            "seconds": round(self.seconds, 3),
        }


@dataclass(frozen=True, slots=True)
class RepairedTable:
    """A table whose differing rows were put right: rows written as the source has them, and rows deleted."""

    table: str
    upserted: int
    deleted: int


@dataclass(frozen=True, slots=True)
class RepairReport:
    """A finished repair.

    Args:
        before: the comparison that told what to repair.
        after: the comparison of everything afterwards.
        notes: what was not repaired, and why.
    """

    before: VerifyReport
    after: VerifyReport
    tables: tuple[RepairedTable, ...]
    notes: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the comparison afterwards as JSON-ready values, and what was repaired."""
        return {
            **self.after.as_json(),
            "repaired": [asdict(table) for table in self.tables],
            "not_repaired": list(self.notes),
        }
