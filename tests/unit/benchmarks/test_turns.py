"""Interleaving: who is called when, and how often."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from benchmarks.names import OURS, RAW
from benchmarks.turns import take_turns, take_turns_at_once


def noting(calls: list[str], name: str) -> Callable[[], Awaitable[None]]:
    """Return an operation that writes its name down."""

    async def operation() -> None:
        calls.append(name)

    return operation


async def test_variants_take_turns_after_each_has_warmed_up() -> None:
    """A B A B, with as many calls in a turn as asked for."""
    calls: list[str] = []
    figures = await take_turns("read", {RAW: noting(calls, "a"), OURS: noting(calls, "b")}, rounds=2, calls=2)
    assert "".join(calls) == "ab" + "aabb" * 2
    assert [figure.variant for figure in figures] == [RAW, OURS]


async def test_preparation_comes_before_every_operation() -> None:
    """What an operation changes is put back before the next one."""
    calls: list[str] = []
    await take_turns("write", {RAW: noting(calls, "w")}, rounds=2, calls=1, before=noting(calls, "b"))
    assert "".join(calls) == "bw" * 3


async def test_callers_share_the_calls_of_a_turn() -> None:
    """So many are at work at the same time, and no call is made twice."""
    at_work, most, made = 0, 0, 0

    async def operation() -> None:
        nonlocal at_work, most, made
        at_work, made = at_work + 1, made + 1
        most = max(most, at_work)
        await asyncio.sleep(0)
        at_work -= 1

    (figure,) = await take_turns_at_once("crowd", {RAW: operation}, callers=8, rounds=2, calls=30)
    assert (most, made) == (8, 10 + 2 * 30)
    assert figure.ratio == 1.0
