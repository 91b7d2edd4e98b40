"""What the demo found."""

from __future__ import annotations

from collections.abc import Sequence
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
class DemoReport:
    """The whole demo.

    Args:
        tables: of the salon, as compared after the last call.
        sqlite_tables: of the SQLite file, where one was given.
    """

    engines: Engines
    tables: Sequence[VerifiedTable]
    calls: Sequence[ComparedCall]
    sqlite_tables: Sequence[VerifiedTable] | None = None

    @property
    def equal(self) -> bool:
        """Whether every table and every answer was the same."""
        tables = (*self.tables, *(self.sqlite_tables or ()))
        return all(table.equal for table in tables) and all(call.equal for call in self.calls)

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
