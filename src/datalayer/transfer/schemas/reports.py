"""What a comparison of schemas reports."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Weight(StrEnum):
    """What a difference means for a move."""

    BLOCKS = "blocks the move"
    LOSES = "loses something"
    HARMLESS = "harmless"


@dataclass(frozen=True, slots=True)
class SchemaDifference:
    """One difference.

    Args:
        subject: what differs, for example ``column email`` or ``primary key``; empty for the table itself.
        what: the difference and what it does, in words.
    """

    weight: Weight
    table: str
    subject: str
    what: str

    def as_json(self) -> dict[str, str]:
        """Return the difference as JSON-ready values."""
        weight = self.weight.name.lower()
        return {"weight": weight, "table": self.table, "subject": self.subject, "what": self.what}


@dataclass(frozen=True, slots=True)
class SchemaReport:
    """A finished comparison.

    Args:
        tables: names of the tables that were compared.
        differences: the heaviest first.
        notes: what a side cannot tell, one sentence each.
    """

    tables: tuple[str, ...]
    differences: tuple[SchemaDifference, ...]
    notes: tuple[str, ...]

    @property
    def safe(self) -> bool:
        """Whether rows can move and nothing is lost by it."""
        return all(difference.weight is Weight.HARMLESS for difference in self.differences)

    def as_json(self) -> dict[str, Any]:
        """Return the report as JSON-ready values."""
        return {
            "safe": self.safe,
            "tables": list(self.tables),
            "differences": [difference.as_json() for difference in self.differences],
            "notes": list(self.notes),
        }
