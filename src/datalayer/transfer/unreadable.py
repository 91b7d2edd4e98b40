"""Values that SQLite keeps against their column's type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

#: What a column's codec raises for one.
UNREADABLE: Final = (TypeError, ValueError, ArithmeticError)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """One of them, as it is stored: equal to itself alone, and never to a value of the column's type."""

    stored: Any

    def __str__(self) -> str:
        return str(self.stored)


def can_align(value: Any) -> bool:
    """Whether a value is of its column's type, so that it can be brought to the meaning of another."""
    return value is not None and type(value) is not Unreadable
