"""What the demo found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from datalayer.demo.measure import Measured
from datalayer.transfer import VerifiedTable


@dataclass(frozen=True, slots=True)
class ComparedCall:
    """One call on both sides: medians in milliseconds, and whether all answers were equal."""

    name: str
    supabase_ms: float
    postgres_ms: float
    equal: bool

    @property
    def times_faster(self) -> float:
        """How many times faster PostgreSQL answered."""
        return self.supabase_ms / self.postgres_ms


@dataclass(frozen=True, slots=True)
class Engines:
    """What played the two sides, in words.

    Args:
        without_postgrest: why PostgREST could not be had, so that something else stood for Supabase.
    """

    supabase: str
    postgres: str
    without_postgrest: str | None = None

    @property
    def stands_in(self) -> bool:
        """Whether something else than PostgREST stood for Supabase."""
        return self.without_postgrest is not None


@dataclass(frozen=True, slots=True)
class Writing:
    """What an application wrote meanwhile.

    Args:
        writes: made, failed ones included.
        errors: classes of the errors that it saw.
        slowest_seconds: that one of them took.
    """

    writes: int
    errors: Sequence[str]
    slowest_seconds: float


@dataclass(frozen=True, slots=True)
class Lag:
    """What is owed to the store that follows: so many entries, the oldest so many seconds old."""

    entries: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Act:
    """A step of dual-write.

    Args:
        most: the longest lag that was seen.
        settle_seconds: after the last write until nothing was owed; None where something stayed owed.
    """

    name: str
    writing: Writing
    most: Lag
    settle_seconds: float | None

    @property
    def went_well(self) -> bool:
        """Whether no caller saw an error, and nothing stayed owed."""
        return not self.writing.errors and self.settle_seconds is not None


@dataclass(frozen=True, slots=True)
class DualWriteReport:
    """What dual-write did.

    Args:
        acts: in their order.
        calls_settled: whether nothing stayed owed of the calls that were made on PostgreSQL.
        filled: whether both sides were equal after the rows had been brought over.
        followed: whether both sides were equal at the end, when PostgreSQL had been the primary.
        left_out: acts that could not be played, with the reason.
    """

    acts: Sequence[Act]
    calls_settled: bool
    filled: bool
    followed: bool
    left_out: Mapping[str, str]

    @property
    def writes(self) -> int:
        """All writes of the application."""
        return sum(act.writing.writes for act in self.acts)

    @property
    def settled(self) -> bool:
        """Whether nothing stayed owed."""
        return self.calls_settled and all(act.settle_seconds is not None for act in self.acts)

    @property
    def errors(self) -> list[str]:
        """Classes of the errors that the application saw."""
        return [error for act in self.acts for error in act.writing.errors]

    @property
    def went_well(self) -> bool:
        """Whether every act did, and both sides were equal each time."""
        return all(act.went_well for act in self.acts) and self.calls_settled and self.filled and self.followed

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        return {
            "writes": self.writes,
            "errors": self.errors,
            "settled": self.settled,
            "equal_after_backfill": self.filled,
            "equal_after_way_back": self.followed,
            "acts": [_act(act) for act in self.acts],
            "left_out": dict(self.left_out),
        }


@dataclass(frozen=True, slots=True)
class DemoReport:
    """The whole demo.

    Args:
        dual_write: what was shown while the application went on writing.
        tables: of the salon, as compared after the last call.
        sqlite_tables: of the SQLite file, where one was given.
    """

    engines: Engines
    tables: Sequence[VerifiedTable]
    calls: Sequence[ComparedCall]
    dual_write: DualWriteReport
    sqlite_tables: Sequence[VerifiedTable] | None = None

    @property
    def equal(self) -> bool:
        """Whether every table and every answer was the same, and dual-write kept its promises."""
        tables = (*self.tables, *(self.sqlite_tables or ()))
        same = all(table.equal for table in tables) and all(call.equal for call in self.calls)
        return same and self.dual_write.went_well

    @property
    def times_faster(self) -> float:
        """The median over the calls."""
        return median(call.times_faster for call in self.calls)

    def as_json(self) -> dict[str, Any]:
        """Return the report as JSON-ready values."""
        engines = self.engines
        without = {} if engines.without_postgrest is None else {"without_postgrest": engines.without_postgrest}
        sqlite = {} if self.sqlite_tables is None else {"sqlite_tables": [_table(t) for t in self.sqlite_tables]}
        return {
            "tables": [_table(table) for table in self.tables],
            "calls": [
                {
                    "name": call.name,
                    "supabase_ms": round(call.supabase_ms, 3),
                    "postgres_ms": round(call.postgres_ms, 3),
                    "equal": call.equal,
                }
                for call in self.calls
            ],
            "engines": {
                "supabase": engines.supabase,
                "postgres": engines.postgres,
                "stands_in": engines.stands_in,
                **without,
            },
            "dual_write": self.dual_write.as_json(),
            **sqlite,
        }


def compare_calls(supabase: Sequence[Measured], postgres: Sequence[Measured]) -> list[ComparedCall]:
    """Put the two sides' calls together, in their common order."""
    return [
        ComparedCall(one.name, one.seconds * 1000, other.seconds * 1000, one.answers == other.answers)
        for one, other in zip(supabase, postgres, strict=True)
    ]


def _table(table: VerifiedTable) -> dict[str, Any]:
    return {
        "table": table.table,
        "source_rows": table.source_rows,
        "target_rows": table.target_rows,
        "equal": table.equal,
    }


def _act(act: Act) -> dict[str, Any]:
    return {
        "name": act.name,
        "writes": act.writing.writes,
        "errors": list(act.writing.errors),
        "slowest_write_ms": round(act.writing.slowest_seconds * 1000, 3),
        "most_entries": act.most.entries,
        "most_lag_seconds": round(act.most.seconds, 3),
        "settled": act.settle_seconds is not None,
        "settle_seconds": None if act.settle_seconds is None else round(act.settle_seconds, 3),
    }
