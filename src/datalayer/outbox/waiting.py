"""What waits in an outbox: which entries are meant, and how many there are."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from datalayer.query import Count, Filter, Group, Select, asc, col
from datalayer.stores.contract import Session

#: Words in an entry's ``error``: held back since too many deletes came at once, and let through by an operator.
DELETES_HELD: Final = "DeletesHeld"
DELETES_ALLOWED: Final = "DeletesAllowed"
#: Of a table that the other store leads: never carried.
SET_ASIDE: Final = "LedByTheOtherStore"


def let_through(error: str | None) -> bool:
    """Whether an operator let an entry's delete through; what went wrong since may stand behind the word."""
    return error is not None and error.split(": ")[0] == DELETES_ALLOWED


def after_failure(before: str | None, error: str) -> str:
    """Return an entry's new ``error``, in which the operator's word is kept."""
    return f"{DELETES_ALLOWED}: {error}" if let_through(before) else error


@dataclass(frozen=True, slots=True)
class Selection:
    """Which entries are meant; of all when nothing is said.

    Args:
        table: entries about this table.
        versions: exactly these.
        dead: dead letters.
        held_deletes: deletes that wait for an operator.
    """

    table: str | None = None
    versions: tuple[int, ...] | None = None
    dead: bool = False
    held_deletes: bool = False


def where_selected(selection: Selection) -> Filter:
    """Build the filter for a selection."""
    members: list[Filter] = [col("version").is_not_null()]
    if selection.table is not None:
        members.append(col("aggregatetype").eq(selection.table))
    if selection.versions is not None:
        members.append(col("version").in_(selection.versions))
    if selection.dead:
        members.append(col("dead_at").is_not_null())
    if selection.held_deletes:
        members.append(col("error").eq(DELETES_HELD))
    return members[0] if len(members) == 1 else Group("and", tuple(members))


@dataclass(frozen=True, slots=True)
class Waiting:
    """How much is owed.

    Args:
        entries: all of them, dead letters and held deletes included.
        dead: dead letters.
        held: deletes that wait for an operator.
        lag_seconds: age of the oldest entry that is neither dead nor set aside; 0 when there is none.
    """

    entries: int
    dead: int
    held: int
    lag_seconds: float

    @property
    def live(self) -> int:
        """Entries that a relay takes sooner or later, and those that are set aside."""
        return self.entries - self.dead - self.held


async def waiting(
    store: Session, outbox: str, clock: Callable[[], dt.datetime], *, table: str | None = None
) -> Waiting:
    """Count what an outbox holds, of all tables or of one."""
    entries = await store.count(Count(outbox, where_selected(Selection(table))))
    if not entries:
        return Waiting(0, 0, 0, 0.0)
    dead = await store.count(Count(outbox, where_selected(Selection(table, dead=True))))
    held = await store.count(Count(outbox, where_selected(Selection(table, held_deletes=True))))
    carried = col("error").is_null() | col("error").neq(SET_ASIDE)
    alive = where_selected(Selection(table)) & col("dead_at").is_null() & carried
    oldest = await store.select(Select(outbox, alive, order=(asc("version"),), limit=1, columns=("created_at",)))
    lag = (clock() - oldest[0]["created_at"]).total_seconds() if oldest else 0.0
    return Waiting(entries, dead, held, max(lag, 0.0))


async def count_set_aside(store: Session, outbox: str, table: str) -> int:
    """Count the entries about a table that are left alone, since the other store leads it."""
    return await store.count(Count(outbox, where_selected(Selection(table)) & col("error").eq(SET_ASIDE)))


async def tables_waiting(store: Session, outbox: str, selection: Selection | None = None) -> list[str]:
    """Return the tables that selected entries are about, one question for each: there are few."""
    found: list[str] = []
    chosen = where_selected(selection or Selection())
    where = chosen
    while True:
        question = Select(outbox, where, order=(asc("aggregatetype"),), limit=1, columns=("aggregatetype",))
        rows: list[dict[str, Any]] = await store.select(question)
        if not rows:
            return found
        found.append(rows[0]["aggregatetype"])
        where = chosen & col("aggregatetype").gt(found[-1])
