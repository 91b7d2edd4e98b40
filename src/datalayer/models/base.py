"""The base of all row models, and the marker for rules that hold on writing only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict

#: Default of a column that the store fills in: the field has its column's type, and is None on a row not yet written.
GENERATED: Any = None


@dataclass(frozen=True, slots=True)
class OnWrite:
    """Marks a rule that is applied to values to be written and left out when a row is read.

        title: Annotated[str, OnWrite(str.strip)]

    Args:
        rule: a function from the typed value to the value to write, raising ValueError with the rule in words (never
            with the value); or any annotation that pydantic knows, for example ``BeforeValidator(...)``.
    """

    rule: Callable[..., Any] | Any


class RowModel(BaseModel):
    """One row of a table. Reading ignores columns that the model does not know: the schema may be ahead of it."""

    model_config = ConfigDict(extra="ignore", defer_build=True, hide_input_in_errors=True, protected_namespaces=())
