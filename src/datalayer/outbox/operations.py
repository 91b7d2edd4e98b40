"""Writes to a primary that captures nothing itself (Supabase without the script), covered before they are sent.

An operation is committed in PostgreSQL before its request goes out. The answer resolves it: one statement deletes the
operation and marks its keys. An answer that never comes leaves it open until the request can no longer take effect at
the server; then whoever sees it resolves it. So marks are always younger than the effect that they stand for.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from datalayer.outbox.entries import WHOLE_TABLE
from datalayer.stores.postgres import PostgresStore

#: Expired operations that are resolved at a time.
_EXPIRED_AT_ONCE: Final = 100
#: Before every operation.
_BEGINNING: Final[Mapping[str, Any]] = {"expired": dt.datetime.min.replace(tzinfo=dt.UTC), "id": UUID(int=0)}


@dataclass(frozen=True, slots=True)
class Operation:
    """One write that may still take effect.

    Args:
        columns: what ``keys`` are values of: the primary key, or a unique key that the write found its rows by.
        keys: each as the text of a JSON array; None where the write alone knows which rows it changes.
        request_seconds: how long after its beginning its request may still be sent.
    """

    id: UUID
    table: str
    columns: tuple[str, ...]
    keys: tuple[str, ...] | None
    request_seconds: float


class OperationJournal:
    """The open operations of all processes, in the PostgreSQL that follows.

    Args:
        reach: returns the store, or raises UnavailableError while it cannot be reached.
    """

    def __init__(self, reach: Callable[[], Awaitable[PostgresStore]]) -> None:
        self._reach = reach
        #: Where the last look at expired operations ended.
        self._last = _BEGINNING

    async def begin(self, operation: Operation, *, lifetime_seconds: float, timeout: float | None = None) -> None:
        """Commit an operation. Doing it again lets it expire later.

        Args:
            lifetime_seconds: how long its request can live, once it was sent; PostgreSQL's clock tells.
        """
        await (await self._reach()).execute(
            "insert into datalayer_operations (id, aggregatetype, keys, target, expires_at)"
            " values (%(id)s, %(table)s, %(keys)s::json, %(target)s::json,"
            " clock_timestamp() + make_interval(secs => %(seconds)s)) on conflict (id) do update"
            " set expires_at = greatest(datalayer_operations.expires_at, excluded.expires_at)",
            {
                "id": operation.id,
                "table": operation.table,
                "keys": None if operation.keys is None else json.dumps(operation.keys),
                "target": json.dumps(operation.columns),
                "seconds": operation.request_seconds + lifetime_seconds,
            },
            timeout=timeout,
        )

    async def resolve(
        self, identity: UUID, table: str, marks: Sequence[str], *, sweep: bool, timeout: float | None = None
    ) -> None:
        """End an operation: its keys, or the whole table, are owed from now on. Doing it again marks again.

        Args:
            marks: primary keys, each as the text of a JSON array.
            sweep: mark the whole table, since not all keys are known.
        """
        await (await self._reach()).execute(
            "with ended as (delete from datalayer_operations where id = %(id)s)"
            " insert into datalayer_marks (aggregatetype, aggregateid, type)"
            " select %(table)s, m.key, m.type from unnest(%(keys)s::text[], %(types)s::text[]) m (key, type)",
            {
                "id": identity,
                "table": table,
                "keys": [*marks, *([WHOLE_TABLE] if sweep else [])],
                "types": [*["upsert"] * len(marks), *(["sweep"] if sweep else [])],
            },
            timeout=timeout,
        )

    async def expired(self) -> list[Operation]:
        """Return some operations whose requests can no longer take effect, the oldest first.

        Each call goes on behind the last one, round and round: those that cannot be resolved keep none from its turn.
        """
        rows = await (await self._reach()).fetch_all(
            "select id, aggregatetype, keys, target, expires_at from datalayer_operations"
            " where expires_at < clock_timestamp() and (expires_at, id) > (%(expired)s, %(id)s)"
            " order by expires_at, id limit %(limit)s",
            {**self._last, "limit": _EXPIRED_AT_ONCE},
        )
        last = rows[-1] if len(rows) == _EXPIRED_AT_ONCE else None
        self._last = _BEGINNING if last is None else {"expired": last["expires_at"], "id": last["id"]}
        return [_operation(row) for row in rows]

    async def count(self) -> int:
        """Return how many operations are open."""
        row = await (await self._reach()).fetch_one("select count(*) as open from datalayer_operations")
        return int(row["open"]) if row else 0


def _operation(row: dict[str, Any]) -> Operation:
    keys = row["keys"]
    known = None if keys is None else tuple(keys)
    return Operation(row["id"], row["aggregatetype"], tuple(row["target"] or ()), known, request_seconds=0.0)
