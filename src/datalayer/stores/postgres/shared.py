"""What a PostgreSQL store and its transactions have in common: settings, the live schema, compiled statements."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from datalayer.stores.catalog import Catalog
from datalayer.stores.postgres.statement import Statement
from datalayer.telemetry import Observer

#: Rows of one shape from which a write goes by COPY; fewer are one JSON parameter.
COPY_ROWS = 2000

#: Compiled statements kept. An application has tens of shapes; more means shapes made from data, which must not grow.
_MOST_STATEMENTS = 2000


class Shared:
    """State of one store. ``catalog`` and ``statements`` change on the event loop's thread only.

    Args:
        timeout: default deadline of a call in seconds.
        prepare: whether statements are prepared on the server at first use.
        observers: who hears of each call.
        pool_stats: returns (connections, waiting callers).
    """

    def __init__(
        self,
        *,
        timeout: float,
        prepare: bool,
        observers: Sequence[Observer],
        pool_stats: Callable[[], tuple[int, int]],
    ) -> None:
        self.timeout = timeout
        self.prepare = prepare
        self.observers = tuple(observers)
        self.pool_stats = pool_stats
        self.catalog: Catalog | None = None
        self.statements: dict[tuple[Any, ...], Statement] = {}
        self.compiled = 0
        self.copy_rows = COPY_ROWS
        #: Whether the role may make temporary tables; asked at the first large write.
        self.may_copy: bool | None = None

    def keep(self, key: tuple[Any, ...], statement: Statement) -> Statement:
        """Keep a compiled statement for the next question of its shape."""
        if len(self.statements) >= _MOST_STATEMENTS:
            self.statements.clear()
        self.statements[key] = statement
        self.compiled += 1
        return statement

    def know(self, catalog: Catalog | None) -> None:
        """Take a fresh look at the live schema, or forget the old one; statements compiled for that are dropped."""
        self.catalog = catalog
        self.statements.clear()
