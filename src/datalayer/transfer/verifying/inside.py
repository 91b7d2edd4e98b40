"""Two sides that hash alike: sums by segment, then only unequal segments, down to keys."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Coroutine
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from datalayer.transfer.verifying.cuts import Cut, RangeCut
from datalayer.transfer.verifying.findings import Findings
from datalayer.transfer.verifying.plans import Key, NotAlikeError, Plan, Sums
from datalayer.transfer.verifying.progress import Meter
from datalayer.transfer.verifying.snapshots import together
from datalayer.transfer.verifying.state import TableState

T = TypeVar("T")

#: Rows of one side whose keys and hashes are in memory at a time.
_LEAF_ROWS: Final = 20_000
#: Rows found after which the rest is not looked at, when nobody needs all of them.
_ENOUGH: Final = 1_000_000


#: Rows of unequal hashes that turned out equal, after which the hashes are not worth more looks.
_MOST_SETTLED: Final = 10_000


@dataclass(slots=True)
class Totals:
    """Rows and sum of row hashes of one side."""

    bits: int
    rows: int = 0
    sum: int = 0

    def add(self, sums: Sums) -> None:
        """Add the segments of a cut."""
        self.rows += sum(rows for rows, _ in sums.values())
        self.sum += sum(total for _, total in sums.values())

    @property
    def checksum(self) -> str:
        """The sum in hexadecimal."""
        return f"{self.sum % (1 << self.bits):0{self.bits // 4}x}"


async def compare_inside(plan: Plan, findings: Findings, meter: Meter, state: TableState) -> tuple[Totals, Totals]:
    """Compare a table, and note how its rows differ."""
    totals = Totals(plan.bits), Totals(plan.bits)
    for cut in await plan.cuts():
        name = f"{cut.low}..{cut.high}" if isinstance(cut, RangeCut) else "all"
        known = state.part(name)
        if known is not None:
            for side in totals:
                side.rows, side.sum = side.rows + known[0], side.sum + known[1]
            meter.advance(2 * known[0], before=True)
            continue
        both = await _both(plan, cut)
        for side, sums in zip(totals, both, strict=True):
            side.add(sums)
        meter.advance(sum(rows for sums in both for rows, _ in sums.values()))
        if both[0] == both[1]:
            part = Totals(plan.bits)
            part.add(both[0])
            state.finish_part(name, part.rows, part.sum)
        else:
            await _find(plan, findings, cut, both)
        if not findings.complete:
            break
    await findings.look()
    return totals


async def _find(plan: Plan, findings: Findings, cut: Cut, sums: tuple[Sums, Sums]) -> None:
    async with aclosing(_unequal(plan, cut, sums)) as groups:
        async for each, segments in groups:
            await _leaf(plan, findings, each, segments)
            if findings.settled > _MOST_SETTLED:
                raise NotAlikeError(findings.pair.name)
            if not findings.keep_keys and findings.missing + findings.extra + findings.changed >= _ENOUGH:
                findings.complete = False
                return


async def _both(plan: Plan, cut: Cut) -> tuple[Sums, Sums]:
    return await _to_their_ends(plan.source.sums(cut), plan.target.sums(cut))


async def _to_their_ends(first: Coroutine[Any, Any, T], second: Coroutine[Any, Any, T]) -> tuple[T, T]:
    """Run the same on both sides; hashes that do not help must not end the other side's statement, and its snapshot."""
    answers = await together(_told(first), _told(second))
    for answer in answers:
        if isinstance(answer, NotAlikeError):
            raise answer
    left, right = (answer for answer in answers if not isinstance(answer, NotAlikeError))
    return left, right


async def _told(hashing: Coroutine[Any, Any, T]) -> T | NotAlikeError:
    try:
        return await hashing
    except NotAlikeError as error:
        return error


async def _unequal(plan: Plan, cut: Cut, sums: tuple[Sums, Sums]) -> AsyncGenerator[tuple[Cut, list[int]], None]:
    """Yield unequal segments, together no more rows than fit in memory."""
    large: list[int] = []
    group: list[int] = []
    held = 0
    for segment in sorted(sums[0].keys() | sums[1].keys()):
        mine, theirs = sums[0].get(segment, (0, 0)), sums[1].get(segment, (0, 0))
        if mine == theirs:
            continue
        rows = max(mine[0], theirs[0])
        if rows > _LEAF_ROWS and not cut.finest and segment >= 0:
            large.append(segment)
            continue
        if group and held + rows > _LEAF_ROWS:
            yield cut, group
            group, held = [], 0
        group.append(segment)
        held += rows
    if group:
        yield cut, group
    for finer in cut.finer(large) if large else ():
        both = await _both(plan, finer)
        async with aclosing(_unequal(plan, finer, both)) as groups:
            async for found in groups:
                yield found


async def _leaf(plan: Plan, findings: Findings, cut: Cut, segments: list[int]) -> None:
    left, right = await _to_their_ends(plan.source.hashes(cut, segments), plan.target.hashes(cut, segments))
    for identity, mine in left.items():
        await _pair_up(findings, mine, right.pop(identity, []))
    for theirs in right.values():
        for key, _ in theirs:
            findings.added(key)


async def _pair_up(findings: Findings, mine: list[tuple[Key, object]], theirs: list[tuple[Key, object]]) -> None:
    """Note what is left of the rows of one key when those that are the same are taken away."""
    left, right = Counter(hashed for _, hashed in mine), Counter(hashed for _, hashed in theirs)
    lost, added = (left - right).total(), (right - left).total()
    for _ in range(min(lost, added)):
        await findings.unequal(mine[0][0], theirs[0][0])
    for _ in range(lost - added):
        findings.lost(mine[0][0])
    for _ in range(added - lost):
        findings.added(theirs[0][0])
