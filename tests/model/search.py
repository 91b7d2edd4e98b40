"""Explicit-state search: every order in which the steps of a protocol can happen, breadth first.

A model is a state (hashable), the steps that are possible in it, and the question whether it is broken. What is found
first is a shortest way to a broken state; where nothing is found, no order of steps leads to one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

StateT = TypeVar("StateT")


@dataclass(frozen=True)
class Result(Generic[StateT]):
    """What a search found.

    Args:
        states: how many states it looked at.
        counterexample: the steps to a broken state, None where there is no such state.
    """

    states: int
    counterexample: list[str] | None


class TooManyStatesError(Exception):
    """The model is larger than meant: the search proves nothing."""


def search(
    start: StateT,
    steps: Callable[[StateT], Iterable[tuple[str, StateT]]],
    broken: Callable[[StateT], bool],
    *,
    limit: int = 600_000,
) -> Result[StateT]:
    """Look at every state that can be reached."""
    came_from: dict[StateT, tuple[StateT, str] | None] = {start: None}
    waiting = deque([start])
    while waiting:
        state = waiting.popleft()
        if broken(state):
            return Result(len(came_from), _way_to(state, came_from))
        for name, following in steps(state):
            if following not in came_from:
                came_from[following] = (state, name)
                waiting.append(following)
        if len(came_from) > limit:
            raise TooManyStatesError(f"more than {limit} states")
    return Result(len(came_from), None)


def _way_to(state: StateT, came_from: dict[StateT, tuple[StateT, str] | None]) -> list[str]:
    way: list[str] = []
    before = came_from[state]
    while before is not None:
        state, name = before
        way.append(name)
        before = came_from[state]
    return way[::-1]


def put(values: tuple[StateT, ...], place: int, value: StateT) -> tuple[StateT, ...]:
    """Return the tuple with one value replaced."""
    return (*values[:place], value, *values[place + 1 :])
