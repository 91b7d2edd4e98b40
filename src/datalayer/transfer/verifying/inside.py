"""Two PostgreSQL servers that hash alike: sums by segment, then only unequal segments, down to keys."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final

from datalayer.transfer.verifying.cuts import Cut, RangeCut
from datalayer.transfer.verifying.findings import Findings
from datalayer.transfer.verifying.progress import Meter
from datalayer.transfer.verifying.server import ServerPlan, Sums
from datalayer.transfer.verifying.snapshots import Side, together
from datalayer.transfer.verifying.state import TableState

#: Rows of one side whose keys and hashes are in memory at a time.
_LEAF_ROWS: Final = 20_000
#: Rows found after which the rest is not looked at, when nobody needs all of them.
_ENOUGH: Final = 1_000_000


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


async def compare_inside(
    plan: ServerPlan, findings: Findings, meter: Meter, state: TableState
) -> tuple[Totals, Totals]:
    """Compare a table, and note how its rows differ."""
    totals = Totals(plan.bits), Totals(plan.bits)
    source, target = findings.source, findings.target
    for cut in await plan.cuts(source, target):
        name = f"{cut.low}..{cut.high}" if isinstance(cut, RangeCut) else "all"
        known = state.part(name)
        if known is not None:
            for side in totals:
                side.rows, side.sum = side.rows + known[0], side.sum + known[1]
            meter.advance(2 * known[0])
            continue
        both = await _both(plan, source, target, cut)
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


async def _find(plan: ServerPlan, findings: Findings, cut: Cut, sums: tuple[Sums, Sums]) -> None:
    async with aclosing(_unequal(plan, findings, cut, sums)) as conditions:
        async for condition in conditions:
            await _leaf(plan, findings, condition)
            if not findings.keep_keys and findings.missing + findings.extra + findings.changed >= _ENOUGH:
                findings.complete = False
                return


async def _both(plan: ServerPlan, source: Side, target: Side, cut: Cut) -> tuple[Sums, Sums]:
    left, right = await together(plan.sums(source, cut), plan.sums(target, cut))
    return left, right


async def _unequal(
    plan: ServerPlan, findings: Findings, cut: Cut, sums: tuple[Sums, Sums]
) -> AsyncGenerator[str, None]:
    """Yield conditions for the rows of unequal segments, each for no more rows than fit in memory."""
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
            yield cut.inside(group)
            group, held = [], 0
        group.append(segment)
        held += rows
    if group:
        yield cut.inside(group)
    for finer in cut.finer(large) if large else ():
        both = await _both(plan, findings.source, findings.target, finer)
        async with aclosing(_unequal(plan, findings, finer, both)) as conditions:
            async for condition in conditions:
                yield condition


async def _leaf(plan: ServerPlan, findings: Findings, condition: str) -> None:
    left, right = await together(plan.hashes(findings.source, condition), plan.hashes(findings.target, condition))
    for key, mine in left.items():
        await _pair_up(findings, key, Counter(mine), Counter(right.pop(key, ())))
    for key, theirs in right.items():
        for _ in theirs:
            findings.added(key)


async def _pair_up(findings: Findings, key: tuple[Any, ...], mine: Counter[object], theirs: Counter[object]) -> None:
    """Note what is left of the rows of one key when those that are the same are taken away."""
    lost, added = (mine - theirs).total(), (theirs - mine).total()
    for _ in range(min(lost, added)):
        await findings.unequal(key, key)
    for _ in range(lost - added):
        findings.lost(key)
    for _ in range(added - lost):
        findings.added(key)
