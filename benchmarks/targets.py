"""What the project wants to show, beside what a run measured."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TypeAlias

from benchmarks import names
from benchmarks.figures import Figure, by_scenario
from benchmarks.scale import FULL

Pairs: TypeAlias = Mapping[tuple[str, str], Figure]


@dataclass(frozen=True, slots=True)
class Claim:
    """A target and what was measured.

    Args:
        bound: the most that ``measured`` may be, or where ``at_least`` is set the least.
    """

    scenario: str
    target: str
    measured: float
    bound: float
    at_least: bool = False

    @property
    def met(self) -> bool:
        """Whether the run showed it."""
        return self.measured >= self.bound if self.at_least else self.measured <= self.bound


Check: TypeAlias = Callable[[Pairs], Claim | None]


def check_targets(figures: Sequence[Figure]) -> list[Claim]:
    """Return a claim for each target whose scenario was measured."""
    pairs = {(figure.scenario, figure.variant): figure for figure in figures}
    claims = (check(pairs) for check in _CHECKS)
    return [
        *(claim for claim in claims if claim is not None),
        *_streaming(figures),
        *_moving(figures),
        *_relays(figures),
        *_growth(figures),
        *_calls(figures),
    ]


def _at_most(scenario: str, bound: float, ours: str = names.OURS, *, than: str = names.RAW) -> Check:
    def check(pairs: Pairs) -> Claim | None:
        found = _relative(pairs, scenario, ours, than)
        return None if found is None else Claim(scenario, f"{ours}: at most {bound:g} x {than}", found, bound)

    return check


def _times_faster(scenario: str, bound: float, than: str, ours: str = names.OURS) -> Check:
    def check(pairs: Pairs) -> Claim | None:
        found = _relative(pairs, scenario, than, ours)
        target = f"{ours}: at least {bound:g} times as fast as {than}"
        return None if found is None else Claim(scenario, target, found, bound, at_least=True)

    return check


def _steady(scenario: str, bound: float) -> Check:
    def check(pairs: Pairs) -> Claim | None:
        ours = pairs.get((scenario, names.OURS))
        return (
            None if ours is None else Claim(scenario, f"p95 at most {bound:g} x p50", ours.p95_ms / ours.p50_ms, bound)
        )

    return check


def _relative(pairs: Pairs, scenario: str, one: str, other: str) -> float | None:
    first, second = pairs.get((scenario, one)), pairs.get((scenario, other))
    return None if first is None or second is None else first.ratio / second.ratio


def _of_moves(rows: int) -> Iterator[Check]:
    """Judge the size that a full run moves: a small table shows how long Python takes to start."""
    yield _times_faster(names.copying(rows), 0.9, names.PSQL, names.COPY)
    yield _times_faster(names.copying_sqlite(rows), 1, names.PGLOADER, names.COPY)
    yield _at_most(names.verifying(rows), 1.5, names.VERIFY, than=names.BARE_SUMS)
    yield _at_most(names.verifying(rows), 1.5, names.VERIFY, than=names.BARE_SUMS_IN_TURN)
    yield _times_faster(names.verifying(rows), 2.5, names.RELADIFF, names.VERIFY)
    yield _times_faster(names.verifying_unlike(rows), 1, names.RELADIFF, names.VERIFY_UNLIKE)
    yield _times_faster(names.verifying_unlike(rows), 1, names.RELADIFF, names.VERIFY_SQLITE)


_CROWD = names.callers(32)
_BULK = names.bulk_upsert(10_000)
_CHECKS: tuple[Check, ...] = (
    _at_most(names.SINGLE_READ, 1.2),
    _times_faster(names.SINGLE_READ, 3.5, names.ALCHEMY),
    _times_faster(names.SINGLE_READ, 6, names.SUPABASE),
    _times_faster(_CROWD, 0.95, names.RAW),
    _times_faster(_CROWD, 3, names.ALCHEMY),
    _times_faster(_CROWD, 9, names.SUPABASE),
    _at_most(names.TYPED_LIST, 1.35),
    _times_faster(names.TYPED_LIST, 1, names.ALCHEMY),
    _times_faster(names.TYPED_LIST, 1, names.SUPABASE_TYPED),
    _steady(names.TYPED_LIST, 2),
    _at_most(names.DICT_LIST, 1.05, names.OURS_DICTS),
    _at_most(names.UPSERT, 1.2),
    _times_faster(names.UPSERT, 4, names.ALCHEMY),
    _at_most(names.DUAL_UPSERT, 1.3, names.RELAYED, than=names.PLAIN),
    _at_most(names.DUAL_UPSERT_BUSY, 1.3, names.RELAYED, than=names.PLAIN),
    _at_most(names.DUAL_UPSERT, 1.1, names.AWAY, than=names.RELAYED),
    _at_most(names.SHADOW_READ, 1.05, names.SHADOWED, than=names.PLAIN),
    _times_faster(_BULK, 9, names.EXECUTEMANY),
    _times_faster(_BULK, 25, names.ALCHEMY),
    _times_faster(_BULK, 2.3, names.SUPABASE),
    _times_faster(_BULK, 1, names.BY_HAND),
    _times_faster(names.bulk_upsert(100_000), 1, names.BY_HAND),
    *_of_moves(FULL.moved_rows),
)


def _streaming(figures: Iterable[Figure]) -> Iterator[Claim]:
    for figure in figures:
        if figure.variant == names.OURS and figure.scenario.startswith("streaming "):
            speed = 1 / figure.ratio
            yield Claim(figure.scenario, f"at least 0.8 times as fast as {names.RAW}", speed, 0.8, at_least=True)
            if figure.peak_mb is not None:
                yield Claim(figure.scenario, "memory of the client under 80 MB", figure.peak_mb, 80)


def _moving(figures: Iterable[Figure]) -> Iterator[Claim]:
    """Judge the commands by the one that takes the most memory."""
    for scenario, found in by_scenario(figures).items():
        peaks = [figure.peak_mb for figure in found if figure.peak_mb is not None]
        if peaks and scenario.endswith(names.MOVING):
            yield Claim(scenario, "memory of each command under 250 MB", max(peaks), 250)


def _relays(figures: Iterable[Figure]) -> Iterator[Claim]:
    least = {names.FROM_REST: 2000, names.TO_REST: 1000}
    for figure in figures:
        if figure.variant in least:
            bound = least[figure.variant]
            target = f"{figure.variant}: at least {bound:,} keys a second"
            yield Claim(figure.scenario, target, figure.per_second, bound, at_least=True)


def _growth(figures: Iterable[Figure]) -> Iterator[Claim]:
    for scenario in (names.growing_read(names.OURS), names.growing_upsert(names.OURS)):
        found = [figure for figure in figures if figure.scenario == scenario]
        if found:
            target = f"{found[-1].variant}: at most 1.3 x {found[0].variant}"
            yield Claim(scenario, target, found[-1].ratio, 1.3)


def _calls(figures: Iterable[Figure]) -> Iterator[Claim]:
    faster = [1 / f.ratio for f in figures if f.scenario.startswith("call ") and f.variant == names.CALL_POSTGRES]
    if faster:
        scenario = f"{len(faster)} calls of an application"
        yield Claim(scenario, "each faster than over Supabase", min(faster), 1, at_least=True)
        yield Claim(scenario, "median at least 4 times as fast", median(faster), 4, at_least=True)
