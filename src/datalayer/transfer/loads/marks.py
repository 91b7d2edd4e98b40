"""Checkpoints of a load: how many rows of each exported table the target has, kept in the target itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

#: The table of the checkpoints; written in the same transactions as the rows they count.
TABLE: Final = "datalayer_loads"

CREATE: Final = f"""
    create table if not exists {TABLE} (
        load_id text not null,
        source_table text not null,
        rows_read bigint not null,
        rows_written bigint not null,
        finished boolean not null,
        targets text not null,
        primary key (load_id, source_table)
    )
"""
SELECT: Final = f"select source_table, rows_read, rows_written, finished, targets from {TABLE} where load_id = "


@dataclass(frozen=True, slots=True)
class Mark:
    """How far an exported table is.

    Args:
        rows_read: rows of its file that are dealt with.
        rows_written: rows that came of them; fewer where a transform drops some.
        targets: the tables they were written to.
    """

    table: str
    rows_read: int = 0
    rows_written: int = 0
    finished: bool = False
    targets: tuple[str, ...] = ()

    def advanced(self, rows_read: int, rows_written: int, targets: set[str]) -> Mark:
        """Return the mark after another chunk."""
        return replace(
            self,
            rows_read=self.rows_read + rows_read,
            rows_written=self.rows_written + rows_written,
            targets=tuple(sorted({*self.targets, *targets})),
        )

    @property
    def targets_text(self) -> str:
        """The targets as they are stored."""
        return json.dumps(self.targets, ensure_ascii=False)


def mark_of(found: Mapping[str, Any]) -> Mark:
    """Read a stored checkpoint."""
    return Mark(
        found["source_table"],
        found["rows_read"],
        found["rows_written"],
        bool(found["finished"]),
        tuple(json.loads(found["targets"])),
    )
