"""Shadow reads over two real stores."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from datalayer.errors import UnavailableError
from datalayer.outbox.entries import Key
from datalayer.query import Count, Delete, Insert, Select, Update, asc, col
from datalayer.routing.shadow import Shadow, ShadowedStore
from datalayer.stores.contract import Store
from datalayer.stores.sqlite import SqliteStore
from datalayer.telemetry import CallEvent

TABLE = "create table notes (id integer primary key, text text, number int4)"


@dataclass
class Outbox:
    """Keys that are owed, and keys that were marked."""

    owed: set[Key] = field(default_factory=set)
    marked: list[Key] = field(default_factory=list)

    async def owes(self, table: str, keys: Sequence[Key] | None) -> bool:
        """Whether one of them is owed."""
        return bool(self.owed) if keys is None else bool(self.owed & set(keys))

    async def mark(self, table: str, keys: Sequence[Key]) -> None:
        """Keep them."""
        self.marked.extend(keys)


@dataclass
class Pair:
    """A primary and the store that should be equal to it."""

    control: Store
    candidate: Store
    outbox: Outbox = field(default_factory=Outbox)
    heard: list[CallEvent] = field(default_factory=list)
    away: bool = False

    async def put(self, *rows: dict[str, Any]) -> None:
        """Write rows to both."""
        for store in (self.control, self.candidate):
            await store.insert(Insert("notes", rows))

    def shadow(self, **more: Any) -> Shadow:
        """Make a shadow between the two."""
        return Shadow(
            self.control,
            lambda: None if self.away else self.candidate,
            self.outbox,
            observers=(self.heard.append,),
            **more,
        )


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    """Lend two stores with the same rows."""
    stores: list[SqliteStore] = []
    for name in ("control", "candidate"):
        store = await SqliteStore.open(tmp_path / f"{name}.sqlite3")
        await store.run(lambda connection: connection.executescript(TABLE).close())
        stores.append(store)
    opened = Pair(stores[0], stores[1])
    await opened.put({"id": 1, "text": "a", "number": 1}, {"id": 2, "text": "b", "number": 2})
    yield opened
    for store in stores:
        await store.close()


async def outcomes(pair: Pair, *questions: Select | Count) -> dict[str, dict[str, int]]:
    """Ask through a shadowed store, and return how each method's comparisons ended."""
    shadow = pair.shadow()
    shadow.start()
    try:
        store = ShadowedStore(pair.control, shadow, 1.0)
        for question in questions:
            await (store.count(question) if isinstance(question, Count) else store.select(question))
        async with asyncio.timeout(10):
            await shadow.drain()
    finally:
        await shadow.stop()
    lines = shadow.report().lines
    return {
        line.method: {str(k): n for counts in (line.outcomes, line.mismatches) for k, n in counts.items()}
        for line in lines
    }


async def test_equal_answers_are_counted_and_told(pair: Pair) -> None:
    """Each comparison is an event of its own, with the other store's time."""
    found = await outcomes(pair, Select("notes"), Select("notes", col("id").eq(1)), Count("notes"))
    assert found == {"select": {"equal": 2}, "count": {"equal": 1}}
    told = [(event.store, event.operation, event.table, event.error) for event in pair.heard]
    assert told == [("sqlite", "shadow_select", "notes", None)] * 2 + [("sqlite", "shadow_count", "notes", None)]


async def test_key_that_is_owed_is_in_flight(pair: Pair) -> None:
    """What the relay has still to bring is no mistake."""
    await pair.control.update(Update("notes", {"text": "new"}, col("id").eq(2)))
    pair.outbox.owed.add((2,))
    assert await outcomes(pair, Select("notes")) == {"select": {"in_flight": 1}}
    assert pair.outbox.marked == []


async def test_difference_that_passes_is_transient(pair: Pair) -> None:
    """Both are read again: what was written while the first answer waited is equal by then."""
    shadow = pair.shadow()
    stale = await pair.control.select(Select("notes"))
    stale[0]["text"] = "before the write"
    shadow.offer("select", Select("notes"), stale)
    shadow.start()
    await shadow.drain()
    await shadow.stop()
    assert [dict(line.outcomes) for line in shadow.report().lines] == [{"transient": 1}]


@pytest.mark.parametrize(
    ("kind", "changes"),
    [("value", {"text": "other"}), ("null", {"text": None})],
)
async def test_difference_that_stays_is_classed_and_marked(pair: Pair, kind: str, changes: dict[str, Any]) -> None:
    """The key is owed from then on; the finding has no value in it."""
    await pair.candidate.update(Update("notes", changes, col("id").eq(2)))
    assert await outcomes(pair, Select("notes")) == {"select": {"persistent": 1, kind: 1}}
    assert pair.outbox.marked == [(2,)]
    assert pair.heard[-1].error == f"mismatch_{kind}"


async def test_missing_and_extra_rows_are_marked(pair: Pair) -> None:
    """Both ways, each by its key."""
    await pair.candidate.delete(Delete("notes", col("id").eq(1)))
    await pair.candidate.insert(Insert("notes", [{"id": 3}]))
    assert await outcomes(pair, Select("notes")) == {"select": {"persistent": 1, "missing": 1, "extra": 1}}
    assert sorted(pair.outbox.marked) == [(1,), (3,)]


async def test_candidate_that_fails_is_an_error_and_one_that_is_away_is_not(pair: Pair) -> None:
    """A table that the other store lacks stays wrong; an outage passes."""
    assert isinstance(pair.candidate, SqliteStore)
    await pair.candidate.run(lambda connection: connection.executescript("drop table notes").close())
    await pair.candidate.catalog(refresh=True)
    assert await outcomes(pair, Select("notes")) == {"select": {"persistent": 1, "error": 1}}
    pair.away = True
    assert await outcomes(pair, Select("notes")) == {"select": {"away": 1}}
    pair.away = False
    await pair.candidate.close()
    with pytest.raises(UnavailableError):
        await pair.candidate.count(Count("notes"))
    assert await outcomes(pair, Select("notes")) == {"select": {"away": 1}}


async def test_part_that_nothing_chooses_is_not_compared(pair: Pair) -> None:
    """Without an order each store may answer other rows, and neither is wrong."""
    question = Select("notes", limit=1)
    assert await outcomes(pair, question) == {"select": {"skipped": 1}}
    assert await outcomes(pair, Select("notes", limit=1, order=(asc("id"),))) == {"select": {"equal": 1}}


async def test_caller_never_waits_and_the_oldest_is_dropped(pair: Pair) -> None:
    """The queue is bounded; what it had no room for is counted."""
    shadow = pair.shadow()
    store = ShadowedStore(pair.control, shadow, 1.0)
    for _ in range(130):
        await store.select(Select("notes", col("id").eq(1)))
    assert shadow.report().dropped == 30


async def test_share_of_reads_is_compared(pair: Pair) -> None:
    """A read is drawn with the share's chance, and no read at all in a transaction."""
    shadow = pair.shadow()
    draws = iter([0.04, 0.05, 0.5, 0.0])
    store = ShadowedStore(pair.control, shadow, 0.05, lambda: next(draws))
    for _ in range(4):
        await store.select(Select("notes"))
    async with store.transaction() as tx:
        await tx.select(Select("notes"))
    shadow.start()
    await shadow.drain()
    await shadow.stop()
    assert [dict(line.outcomes) for line in shadow.report().lines] == [{"equal": 2}]


async def test_report_has_hashes_and_no_values(pair: Pair) -> None:
    """Whoever reads the report learns that two values differ, not what they are."""
    await pair.candidate.update(Update("notes", {"text": "s3cret"}, col("id").eq(2)))
    shadow = pair.shadow()
    shadow.start()
    await ShadowedStore(pair.control, shadow, 1.0).select(Select("notes"))
    await shadow.drain()
    await shadow.stop()
    report = shadow.report()
    (finding,) = report.findings
    assert (finding.table, finding.kind, finding.column) == ("notes", "value", "text")
    assert finding.control != finding.candidate
    assert "s3cret" not in f"{report!r} {report}"
    assert report.persistent == 1
    assert "notes" in str(report)
