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


async def test_variants_take_turns_and_the_first_place_moves() -> None:
    """A B, then B A; a turn has half as many calls before those that are timed."""
    calls: list[str] = []
    figures = await take_turns("read", {RAW: noting(calls, "a"), OURS: noting(calls, "b")}, rounds=2, calls=2)
    assert "".join(calls) == "aaabbb" + "bbbaaa"
    assert [figure.variant for figure in figures] == [RAW, OURS]


async def test_preparation_comes_before_every_operation() -> None:
    """What an operation changes is put back before the next one."""
    calls: list[str] = []
    await take_turns("write", {RAW: noting(calls, "w")}, rounds=2, calls=1, before=noting(calls, "b"))
    assert "".join(calls) == "bw" * 4


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
    assert (most, made) == (8, 2 * (15 + 30))
    assert figure.ratio == 1.0


async def test_turns_without_warm_up_make_only_the_timed_calls() -> None:
    """What is slow and starts a process each time needs no calls before."""
    calls: list[str] = []
    await take_turns("copy", {RAW: noting(calls, "a")}, rounds=2, calls=1, warm_up=False)
    assert calls == ["a", "a"]
