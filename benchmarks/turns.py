"""Interleaved measuring: every variant of a scenario takes its turn, so that drift hits all alike.

Who goes first changes from round to round, A B C, B C A, C A B, and each turn begins with calls that are not timed:
measured without either, the same code seemed a fifth slower in the first place than in a later one.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable, Mapping
from time import perf_counter
from typing import Any, TypeAlias

from benchmarks.figures import Figure, Turn, summarise
from benchmarks.names import RAW

Operation: TypeAlias = Callable[[], Awaitable[Any]]


async def take_turns(
    scenario: str,
    variants: Mapping[str, Operation],
    *,
    rounds: int,
    calls: int,
    baseline: str = RAW,
    before: Operation | None = None,
    warm_up: bool = True,
) -> list[Figure]:
    """Time variants against each other, one call at a time.

    Args:
        variants: operation by name; the baseline's is among them.
        rounds: turns that each variant takes.
        calls: operations in one turn; each is timed by itself.
        before: runs before each operation and is not timed.
        warm_up: whether each turn begins with calls that are not timed.
    """
    measured: dict[str, list[Turn]] = {name: [] for name in variants}
    for place in range(rounds):
        for name, operation in _rotated(variants, place):
            gc.collect()
            if warm_up:
                await _one_by_one(operation, _untimed(calls), before)
            measured[name].append(Turn(await _one_by_one(operation, calls, before)))
    return summarise(scenario, measured, baseline)


async def take_turns_at_once(
    scenario: str, variants: Mapping[str, Operation], *, callers: int, rounds: int, calls: int
) -> list[Figure]:
    """Time variants against each other, each with many callers at work; an operation's time has its waiting in it.

    Args:
        callers: how many work at the same time.
        calls: operations in one turn, of all callers together.
    """
    measured: dict[str, list[Turn]] = {name: [] for name in variants}
    for place in range(rounds):
        for name, operation in _rotated(variants, place):
            gc.collect()
            await _at_once(operation, callers, _untimed(calls))
            started = perf_counter()
            seconds = await _at_once(operation, callers, calls)
            measured[name].append(Turn(seconds, pace=(perf_counter() - started) / calls))
    return summarise(scenario, measured, RAW)


def _rotated(variants: Mapping[str, Operation], place: int) -> list[tuple[str, Operation]]:
    """Begin with another variant in each round."""
    ordered = list(variants.items())
    first = place % len(ordered)
    return ordered[first:] + ordered[:first]


def _untimed(calls: int) -> int:
    return max(1, calls // 2)


async def _one_by_one(operation: Operation, calls: int, before: Operation | None) -> list[float]:
    seconds = []
    for _ in range(calls):
        if before is not None:
            await before()
        started = perf_counter()
        await operation()
        seconds.append(perf_counter() - started)
    return seconds


async def _at_once(operation: Operation, callers: int, calls: int) -> list[float]:
    remaining = iter(range(calls))
    seconds: list[float] = []

    async def call() -> None:
        for _ in remaining:
            started = perf_counter()
            await operation()
            seconds.append(perf_counter() - started)

    await asyncio.gather(*(call() for _ in range(callers)))
    return seconds
