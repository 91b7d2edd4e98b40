"""The outbox table, read and settled with the store contract's own verbs: the same on every store.

Claims save relays from doing the same work twice; nothing depends on them. An entry ends only by being settled, which
deletes exactly the versions that were seen: versions become visible out of order, so "all up to n" would lose some.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, TypeAlias
from uuid import uuid4

from datalayer.errors import DataLayerError, UnknownTableError
from datalayer.outbox.entries import WHOLE_TABLE, Entry, Key
from datalayer.outbox.keys import decode_key, encode_key, key_payload
from datalayer.outbox.waiting import DELETES_ALLOWED, DELETES_HELD, Selection, after_failure, where_selected
from datalayer.query import Delete, Filter, Insert, Row, Select, Update, asc, col
from datalayer.stores.catalog import Catalog
from datalayer.stores.contract import Store

OutboxTable: TypeAlias = Literal["datalayer_outbox", "datalayer_marks"]

#: Versions that one statement names; they have to fit a URL.
_AT_ONCE: Final = 500
#: A relay that finds the first entries taken by another looks so many batches further on.
_STRIDES: Final = 4
_FOREVER: Final = dt.datetime(9999, 1, 1, tzinfo=dt.UTC)


def utc_now() -> dt.datetime:
    """Return the present."""
    return dt.datetime.now(dt.UTC)


class EntryGoneError(DataLayerError):
    """An entry that is worked on was settled by another relay, or was discarded."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """Entries of one claim.

    Args:
        entries: of keys that can be read, the oldest version first.
        unreadable: entries whose table or key the schema does not know any more, each with the reason's class.
        token: names this claim and no other of the same relay.
    """

    entries: tuple[Entry, ...]
    unreadable: tuple[tuple[Entry, str], ...] = ()
    token: str = ""


@dataclass(slots=True)
class Outbox:
    """Entries owed to the other store, in one of the two tables that hold them.

    Args:
        store: has the table, and the tables that the entries are about or those of the same names.
        table: ``datalayer_outbox`` where triggers write it, ``datalayer_marks`` where captured requests do.
        owner: who claims; unique for each relay.
        clock: this machine's; clocks decide when to look again, never what is newer.
    """

    store: Store
    table: OutboxTable = "datalayer_outbox"
    owner: str = field(default_factory=lambda: str(uuid4()))
    clock: Callable[[], dt.datetime] = utc_now

    async def claim(self, limit: int, *, lease_seconds: float = 60.0) -> Claimed:
        """Take up to ``limit`` entries that are due and that nobody else has; none when there are none."""
        token = f"{self.owner}/{uuid4()}"
        free = await self._due(limit, offset=0)
        rows = await self._take(free, token, lease_seconds)
        if free and not rows:
            # Another relay works on the first ones.
            free = await self._due(limit, offset=limit * random.randint(1, _STRIDES))  # noqa: S311 - no secret
            rows = await self._take(free, token, lease_seconds)
        return replace(await self._read(rows), token=token)

    async def settle_claim(self, claimed: Claimed) -> None:
        """Delete what a claim still holds: its entries about keys that were neither put off nor given back."""
        if not claimed.entries:
            return
        first, last = claimed.entries[0].version, claimed.entries[-1].version
        where = col("version").gte(first) & col("version").lte(last) & col("claimed_by").eq(claimed.token)
        await self.store.delete(Delete(self.table, where & col("aggregateid").neq(WHOLE_TABLE)))

    async def settle(self, versions: Iterable[int]) -> None:
        """Delete exactly these entries."""
        for some in _chunks(versions):
            await self.store.delete(Delete(self.table, col("version").in_(some)))

    async def release(self, versions: Iterable[int]) -> None:
        """Give entries back untried."""
        for some in _chunks(versions):
            await self._set(some, claimed_by=None, claimed_until=None)

    async def expire(self) -> int:
        """Free what relays that are gone had claimed; return how many entries."""
        late = col("claimed_until").lt(self.clock())
        return (await self.store.update(Update(self.table, {"claimed_by": None, "claimed_until": None}, late))).count

    async def fail(self, entries: Sequence[Entry], error: str, *, retry_seconds: float) -> None:
        """Count a try and put the entries off. ``error`` names classes, columns and constraints, never values."""
        at = self.clock() + dt.timedelta(seconds=retry_seconds)
        for tries in {entry.tries for entry in entries}:
            alike = [entry for entry in entries if entry.tries == tries]
            await self._set_error(alike, error, tries=tries + 1, next_try_at=at)

    async def put_off(self, versions: Iterable[int], *, retry_seconds: float) -> None:
        """Leave entries for later without counting a try."""
        at = self.clock() + dt.timedelta(seconds=retry_seconds)
        for some in _chunks(versions):
            await self._set(some, next_try_at=at, claimed_by=None, claimed_until=None)

    async def suspend(self, entries: Sequence[Entry], error: str, *, retry_seconds: float) -> None:
        """Leave entries for later, and say why, without counting a try."""
        await self._set_error(entries, error, next_try_at=self.clock() + dt.timedelta(seconds=retry_seconds))

    async def hold(self, versions: Iterable[int]) -> None:
        """Keep deletes back until somebody lets them through."""
        for some in _chunks(versions):
            await self._set(some, error=DELETES_HELD, next_try_at=_FOREVER, claimed_by=None, claimed_until=None)

    async def bury(self, entries: Sequence[Entry], error: str) -> None:
        """Give entries up; they stay as dead letters."""
        for tries in {entry.tries for entry in entries}:
            alike = [entry for entry in entries if entry.tries == tries]
            await self._set_error(alike, error, tries=tries + 1, dead_at=self.clock())

    async def mark(self, table: str, keys: Sequence[Key] | None = None) -> None:
        """Owe keys, or the whole table, to the other store though nobody wrote them.

        A mark's version orders nothing, which only the type ``sweep`` says: see `entries.ledger_version`.
        """
        known = (await self.store.catalog()).table(table, store=self.store.name, operation="mark")
        marks: list[Row] = [{"aggregateid": WHOLE_TABLE, "payload": None}]
        if keys is not None:
            marks = [{"aggregateid": encode_key(known, key), "payload": key_payload(known, key)} for key in keys]
        for start in range(0, len(marks), _AT_ONCE):
            rows = [
                {"id": uuid4(), "aggregatetype": table, "type": "sweep"} | m for m in marks[start : start + _AT_ONCE]
            ]
            await self.store.insert(Insert(self.table, rows, returning=False))

    async def owes(self, table: str, keys: Sequence[Key] | None) -> bool:
        """Whether an entry is there for one of the keys, or for any row of the table."""
        if keys is None:
            of_table = Select(self.table, col("aggregatetype").eq(table), columns=("version",), limit=1)
            return bool(await self.store.select(of_table))
        return bool(await self.owed(table, keys))

    async def owed(self, table: str, keys: Sequence[Key]) -> set[Key]:
        """Return the keys that an entry is there for; all of them where one is about the whole table."""
        known = (await self.store.catalog()).table(table, store=self.store.name, operation="owed")
        by_text = {encode_key(known, key): key for key in keys}
        texts, found = [WHOLE_TABLE, *by_text], set()
        for start in range(0, len(texts), _AT_ONCE):
            named = col("aggregatetype").eq(table) & col("aggregateid").in_(texts[start : start + _AT_ONCE])
            rows = await self.store.select(Select(self.table, named, columns=("aggregateid",)))
            found |= {row["aggregateid"] for row in rows}
        return set(keys) if WHOLE_TABLE in found else {by_text[text] for text in found}

    async def mark_table(self, table: str, payload: Mapping[str, Any]) -> None:
        """Owe a whole table, with what the work on it begins from."""
        row = {"id": uuid4(), "aggregatetype": table, "aggregateid": WHOLE_TABLE, "type": "sweep", "payload": payload}
        await self.store.insert(Insert(self.table, [row], returning=False))

    async def claim_table(self, table: str, phase: str, *, lease_seconds: float) -> Entry | None:
        """Claim the entry of a phase of work on a whole table, made where there is none; None when another has it."""
        now = self.clock()
        where = col("aggregatetype").eq(table) & col("aggregateid").eq(WHOLE_TABLE) & col("type").eq("sweep")
        where &= col("dead_at").is_null()
        rows = await self.store.select(Select(self.table, where, order=(asc("version"),)))
        of_phase = [row for row in rows if isinstance(row["payload"], dict) and row["payload"].get("phase") == phase]
        claim = {"claimed_by": self.owner, "claimed_until": now + dt.timedelta(seconds=lease_seconds)}
        if not of_phase:
            row = {"id": uuid4(), "aggregatetype": table, "aggregateid": WHOLE_TABLE, "type": "sweep"}
            made = await self.store.insert(Insert(self.table, [row | claim | {"payload": {"phase": phase}}]))
            return _entry(made.rows[0], None)
        await self.expire()
        taken = await self._take(of_phase[:1], self.owner, lease_seconds)
        return _entry(taken[0], None) if taken else None

    async def keep(self, version: int, payload: Mapping[str, Any], *, lease_seconds: float) -> None:
        """Keep how far the work of an entry has come, and the claim along with it."""
        until = self.clock() + dt.timedelta(seconds=lease_seconds)
        await self._set([version], payload=payload, claimed_until=until)

    async def renew(self, version: int, *, lease_seconds: float) -> Any:
        """Keep a claim for longer; return what :meth:`keep` kept, or the entry's own payload.

        Raises:
            EntryGoneError: the entry was settled or discarded meanwhile.
        """
        until = self.clock() + dt.timedelta(seconds=lease_seconds)
        chosen = Update(self.table, {"claimed_until": until}, col("version").eq(version), returning=True)
        rows = (await self.store.update(chosen)).rows
        if not rows:
            raise EntryGoneError(f"entry {version} is not there any more")
        return rows[0]["payload"]

    async def entries(
        self, selection: Selection | None = None, *, limit: int = 100, after: int | None = None
    ) -> list[Entry]:
        """Return entries, the oldest version first; those after a version to page on."""
        where = where_selected(selection or Selection())
        if after is not None:
            where &= col("version").gt(after)
        rows = await self.store.select(Select(self.table, where, order=(asc("version"),), limit=limit))
        claimed = await self._read(rows)
        return sorted([*claimed.entries, *(entry for entry, _ in claimed.unreadable)], key=lambda entry: entry.version)

    async def versions(self, table: str) -> list[int]:
        """Return the versions of all entries about a table."""
        found: list[int] = []
        while rows := await self._versions_after(table, found[-1] if found else None):
            found += rows
        return found

    async def retry(self, selection: Selection) -> int:
        """Make entries due now, dead letters with their tries forgotten; return how many.

        Held deletes are let through only where the selection asks for them.
        """
        changes: dict[str, Any] = {"tries": 0, "next_try_at": None, "dead_at": None}
        changes |= {"error": DELETES_ALLOWED if selection.held_deletes else None}
        return (await self.store.update(Update(self.table, changes, where_selected(selection)))).count

    async def discard(self, selection: Selection) -> int:
        """Drop entries, so that the stores stay different there; return how many."""
        return (await self.store.delete(Delete(self.table, where_selected(selection)))).count

    async def _versions_after(self, table: str, version: int | None) -> list[int]:
        where: Filter = col("aggregatetype").eq(table)
        if version is not None:
            where &= col("version").gt(version)
        question = Select(self.table, where, order=(asc("version"),), limit=_AT_ONCE, columns=("version",))
        return [row["version"] for row in await self.store.select(question)]

    async def _due(self, limit: int, *, offset: int) -> list[Row]:
        now = self.clock()
        ready = col("next_try_at").is_null() | col("next_try_at").lte(now)
        where = col("dead_at").is_null() & col("claimed_by").is_null() & ready
        columns = ("version", "next_try_at")
        question = Select(self.table, where, order=(asc("version"),), limit=limit, offset=offset, columns=columns)
        return await self.store.select(question)

    async def _take(self, due: Sequence[Row], token: str, lease_seconds: float) -> list[Row]:
        """Claim entries: those never tried as one range, which may have grown by some; the others one by one."""
        changes = {"claimed_by": token, "claimed_until": self.clock() + dt.timedelta(seconds=lease_seconds)}
        # A plain conjunction: PostgREST would lay any other filter on the changed rows once more.
        free = col("claimed_by").is_null() & col("dead_at").is_null()
        fresh = [row["version"] for row in due if row["next_try_at"] is None]
        tried = [row["version"] for row in due if row["next_try_at"] is not None]
        chosen: list[Filter] = [col("version").in_(some) & free for some in _chunks(tried)]
        if fresh:
            untried = col("next_try_at").is_null()
            chosen.append(col("version").gte(fresh[0]) & col("version").lte(fresh[-1]) & untried & free)
        taken: list[Row] = []
        for where in chosen:
            taken += (await self.store.update(Update(self.table, changes, where, returning=True))).rows
        return sorted(taken, key=lambda row: int(row["version"]))

    async def _read(self, rows: Sequence[Row]) -> Claimed:
        if not rows:
            return Claimed(())
        catalog = await self.store.catalog()
        if any(row["aggregatetype"] not in catalog.tables for row in rows):
            catalog = await self.store.catalog(refresh=True)
        entries: list[Entry] = []
        unreadable: list[tuple[Entry, str]] = []
        for row in rows:
            try:
                entries.append(_entry(row, _key(row, catalog)))
            except (ValueError, UnknownTableError) as error:
                unreadable.append((_entry(row, None), type(error).__name__))
        return Claimed(tuple(entries), tuple(unreadable))

    async def _set_error(self, entries: Sequence[Entry], error: str, **changes: object) -> None:
        """Give entries back with an error, in which an operator's word for a delete is kept."""
        written = {after_failure(entry.error, error) for entry in entries}
        for text in written:
            alike = (entry.version for entry in entries if after_failure(entry.error, error) == text)
            for some in _chunks(alike):
                await self._set(some, error=text, claimed_by=None, claimed_until=None, **changes)

    async def _set(self, versions: Sequence[int], **changes: object) -> None:
        where: Filter = col("version").in_(versions)
        await self.store.update(Update(self.table, changes, where))


def _key(row: Row, catalog: Catalog) -> Key | None:
    table = catalog.table(row["aggregatetype"], store="outbox", operation="claim")
    return None if row["aggregateid"] == WHOLE_TABLE else decode_key(table, row["aggregateid"])


def _entry(row: Row, key: Key | None) -> Entry:
    return Entry(
        row["version"],
        row["id"],
        row["aggregatetype"],
        key,
        row["type"],
        row["created_at"],
        row["tries"],
        row["error"],
        row["dead_at"],
    )


def _chunks(versions: Iterable[int]) -> Iterable[list[int]]:
    listed = sorted(versions)
    for start in range(0, len(listed), _AT_ONCE):
        yield listed[start : start + _AT_ONCE]
