"""Interleaved measuring: every variant of a scenario takes its turn, A B C A B C, so that drift hits all alike."""

from __future__ import annotations

import gc
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from statistics import median
from time import perf_counter
from typing import Any, TypeAlias

Operation: TypeAlias = Callable[[], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Measured:
    """One variant of one scenario. ``ratio`` is its median over the bare driver's: below 1 is faster."""

    scenario: str
    variant: str
    p50_ms: float
    p95_ms: float
    per_second: float
    ratio: float

    def as_dict(self) -> dict[str, Any]:
        """Return the fields by name."""
        return asdict(self)


async def measure(
    scenario: str, variants: Mapping[str, Operation], *, rounds: int, calls: int, baseline: str = "raw psycopg"
) -> list[Measured]:
    """Time variants against each other.

    Args:
        variants: operation by name; the baseline's is among them.
        rounds: turns that each variant takes.
        calls: operations in one turn; each is timed by itself.
    """
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    for operation in variants.values():
        for _ in range(max(5, calls // 10)):
            await operation()
    for _ in range(rounds):
        for name, operation in variants.items():
            gc.collect()
            kept = seconds[name]
            for _ in range(calls):
                started = perf_counter()
                await operation()
                kept.append(perf_counter() - started)
    bare = median(seconds[baseline])
    return [_measured(scenario, name, taken, bare) for name, taken in seconds.items()]


def _measured(scenario: str, variant: str, taken: list[float], bare: float) -> Measured:
    ordered = sorted(taken)
    middle = median(ordered)
    return Measured(
        scenario=scenario,
        variant=variant,
        p50_ms=round(middle * 1000, 4),
        p95_ms=round(ordered[int(len(ordered) * 0.95)] * 1000, 4),
        per_second=round(len(ordered) / sum(ordered), 1),
        ratio=round(middle / bare, 3),
    )
