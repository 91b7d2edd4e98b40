"""A compiled statement: text with placeholders, and what encodes each value."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from datalayer.errors import InvalidValueError
from datalayer.stores.postgres.values import Encoder

#: Source: PostgreSQL 18 manual, "Message Formats", Bind: the number of parameters is a 16-bit integer.
MOST_PARAMETERS = 65_535


@dataclass(frozen=True, slots=True)
class Statement:
    """Compiled SQL.

    Args:
        encoders: by parameter; None when every value goes to psycopg as it is.
        places: which value each parameter is; None when they come one by one.
    """

    sql: bytes
    encoders: tuple[Encoder | None, ...] | None = None
    places: tuple[int, ...] | None = None

    def bind(self, values: Iterable[Any]) -> list[Any]:
        """Return the parameters for one execution."""
        parameters = list(values)
        if self.places is not None:
            parameters = [parameters[place] for place in self.places]
        if len(parameters) > MOST_PARAMETERS:
            raise InvalidValueError(f"a statement takes {MOST_PARAMETERS:,} values at most; ask in parts")
        if self.encoders is None:
            return parameters
        paired = zip(parameters, self.encoders, strict=True)
        return [value if encode is None else encode(value) for value, encode in paired]
