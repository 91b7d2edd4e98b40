"""What was found of one table: counts of all differing rows, names of the first, keys of all for a repair."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from dataclasses import dataclass, field
from decimal import Decimal
from math import isfinite
from typing import Any, Final

from datalayer.errors import UnfitValueError, UnrepairedError
from datalayer.query import Filter, Row, Select, col
from datalayer.query.filters import Group
from datalayer.stores.contract import Session
from datalayer.stores.sqlite.session import SqliteSession
from datalayer.transfer.canonical import encode
from datalayer.transfer.conversions import alignment
from datalayer.transfer.pairing import TablePair
from datalayer.transfer.readers.patience import select
from datalayer.transfer.reading import source_rows
from datalayer.transfer.reports import Difference, Differing, Finding
from datalayer.transfer.unreadable import can_align
from datalayer.transfer.verifying.classes import classify
from datalayer.transfer.verifying.plans import Key, NotAlikeError
from datalayer.transfer.verifying.snapshots import PATIENCE, Side

#: Rows read at a time to see in which columns they differ.
_ROWS: Final = 200
#: Differences kept to choose the first of; rows whose columns are looked at where only their number matters.
_NAMED: Final = 1000
#: Keys that a repair keeps in memory.
MOST_KEYS: Final = 200_000


@dataclass(frozen=True, slots=True)
class FoundKey:
    """The key of a row that differs.

    Args:
        key: as the source has it, or where only the target has the row as the target does.
        target_key: as the target has it; None where the row is missing there.
        in_target: whether only the target has the row.
    """

    key: Key
    target_key: Key | None
    in_target: bool = False


@dataclass(slots=True)
class Findings:
    """Collects the differences of one table.

    Args:
        limit: how many are named in the end.
        keep_keys: whether the keys of all differing rows are kept, for a repair.
        settle: whether every pair of rows is compared value by value, because unequal hashes may mean equal values.
        scan: whether rows of SQLite are looked for among all of them, as they may have a value that is refused else.
        settled: how many such pairs turned out equal.
    """

    pair: TablePair
    source: Side
    target: Side
    limit: int
    keep_keys: bool = False
    settle: bool = False
    scan: bool = False
    missing: int = 0
    extra: int = 0
    changed: int = 0
    complete: bool = True
    settled: int = 0
    keys: list[FoundKey] = field(default_factory=list)
    _named: list[tuple[tuple[Any, ...], Difference]] = field(default_factory=list)
    _waiting: list[tuple[Key, Key]] = field(default_factory=list)

    @property
    def differing(self) -> Differing:
        """Rows that differ, by what is wrong with them."""
        return Differing(self.missing, self.extra, self.changed, self.complete)

    def lost(self, key: Key, number: int | None = None) -> None:
        """Note a row that only the source has."""
        self.missing += 1
        self._keep(key, None)
        self._name("missing row", key, number=number)

    def added(self, key: Key, number: int | None = None) -> None:
        """Note a row that only the target has."""
        self.extra += 1
        self._keep(key, key, in_target=True)
        self._name("extra row", key, number=number)

    async def unequal(self, mine: Key, theirs: Key) -> None:
        """Note a row that is not the same on both sides, by its key on each."""
        self.changed += 1
        if not self.settle and len(self._named) + len(self._waiting) >= max(self.limit, _NAMED):
            self._keep(mine, theirs)
            return
        self._waiting.append((mine, theirs))
        if len(self._waiting) >= _ROWS:
            await self.look()

    async def look(self) -> None:
        """Read the waiting rows of both sides and say in which columns and in what way they differ."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        aligned = Aligned(self.pair)
        left = await self._rows(self.source, aligned, [mine for mine, _ in waiting])
        right = await self._rows(self.target, Aligned(self.pair, reverse=True), [theirs for _, theirs in waiting])
        for mine, theirs in waiting:
            identity = aligned.identity(self.pair.key, mine)
            if len(left.get(identity, ())) != 1 or len(right.get(identity, ())) != 1:
                self._keep(mine, theirs)
                self._name("unequal value", mine)
                continue
            found = aligned.differences(left[identity][0], right[identity][0])
            if not found:
                self.changed -= 1
                self.settled += 1
                continue
            self._keep(mine, theirs)
            for finding, columns in found.items():
                self._name(finding, mine, tuple(columns))

    def named(self) -> tuple[Difference, ...]:
        """Return the first differences, in the order of their keys."""
        self._named.sort(key=lambda each: each[0])
        return tuple(difference for _, difference in self._named[: self.limit])

    async def _rows(self, side: Side, aligned: Aligned, keys: list[Key]) -> dict[bytes, list[Row]]:
        wanted = {aligned.identity(self.pair.key, key) for key in keys}
        found: dict[bytes, list[Row]] = {}
        async with side.session() as session, aclosing(self._candidates(session, keys)) as rows:
            async for row in rows:
                identity = aligned.identity(self.pair.key, tuple(row[each] for each in self.pair.key))
                if identity in wanted:
                    found.setdefault(identity, []).append(row)
        return found

    async def _candidates(self, session: Session, keys: list[Key]) -> AsyncGenerator[Row, None]:
        if self.scan and isinstance(session, SqliteSession):
            async with aclosing(source_rows(session, self.pair, keep_unreadable=True)) as rows:
                async for row in rows:
                    yield row
            return
        question = Select(self.pair.name, where=where_keys(self.pair.key, keys), columns=self.pair.column_names)
        for row in await self._asked(session, question):
            yield row

    async def _asked(self, session: Session, question: Select) -> list[Row]:
        if not isinstance(session, SqliteSession):
            return await select(session, question, timeout=PATIENCE)
        try:
            # What fails would spoil the snapshot.
            async with session.transaction() as nested:
                return await nested.select(question, timeout=PATIENCE)
        except UnfitValueError:
            raise NotAlikeError(self.pair.name) from None

    def _keep(self, key: Key, target_key: Key | None, *, in_target: bool = False) -> None:
        if not self.keep_keys:
            return
        if len(self.keys) >= MOST_KEYS:
            raise UnrepairedError(
                f"nothing was repaired: more than {MOST_KEYS:,} rows of {self.pair.name} differ; that is a copy, not a"
                " repair: run datalayer copy, then verify again",
                table=self.pair.name,
            )
        self.keys.append(FoundKey(key, target_key, in_target))

    def _name(self, finding: Finding, key: Key, columns: tuple[str, ...] = (), number: int | None = None) -> None:
        if len(self._named) < max(self.limit, _NAMED):
            named = dict(zip(self.pair.key, key, strict=True))
            place = None if self.pair.key else number
            self._named.append((_order(key, number), Difference(finding, named, columns, place)))


class Aligned:
    """Values brought to the common meaning of both sides' columns."""

    def __init__(self, pair: TablePair, *, reverse: bool = False) -> None:
        self._columns = [
            (c.source.name, alignment(c.source.type, c.target.type), alignment(c.target.type, c.source.type))
            for c in pair.columns
        ]
        self._mine = {name: back if reverse else there for name, there, back in self._columns}

    def identity(self, names: tuple[str, ...], key: Key) -> bytes:
        """Return the same bytes for the same key of either side."""
        return b"".join(encode(_applied(self._mine[name], value)) for name, value in zip(names, key, strict=True))

    def differences(self, source: Row, target: Row) -> dict[Finding, list[str]]:
        """Return the columns that differ, by the way they do."""
        found: dict[Finding, list[str]] = {}
        for name, there, back in sorted(self._columns, key=lambda each: each[0]):
            mine, theirs = _applied(there, source[name]), _applied(back, target[name])
            if encode(mine) != encode(theirs):
                found.setdefault(_FINDINGS[classify(mine, theirs)], []).append(name)
        return found


_FINDINGS: Final[dict[str, Finding]] = {
    "null": "unequal null",
    "precision": "unequal precision",
    "type": "unequal type",
    "value": "unequal value",
}


def _applied(align: Any, value: Any) -> Any:
    return align(value) if align is not None and can_align(value) else value


def where_keys(names: tuple[str, ...], keys: Iterable[Key]) -> Filter:
    """Return the filter for the rows with these keys."""
    if len(names) == 1:
        return col(names[0]).in_([key[0] for key in keys])
    rows = (Group("and", tuple(col(n).eq(v) for n, v in zip(names, key, strict=True))) for key in keys)
    return Group("or", tuple(rows))


def _order(key: Key, number: int | None) -> tuple[Any, ...]:
    """Order keys as people do: numbers by value, everything else by its text."""
    parts = [(part, "") if isinstance(part, int | Decimal) and isfinite(part) else (0, str(part)) for part in key]
    return (*parts, number or 0)
