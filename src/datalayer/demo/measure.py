"""Makes calls on one layer, keeps what they answer and how long they take."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import Final

from datalayer.demo.calls import Call
from datalayer.demo.salon import NOW
from datalayer.layer import DataLayer

#: Timed rounds of every call; one more before them opens connections and fills caches.
ROUNDS: Final = 7


@dataclass(frozen=True, slots=True)
class Measured:
    """One call: the median of its rounds in seconds, and the answer of every round."""

    name: str
    seconds: float
    answers: Sequence[object]


async def measure(layer: DataLayer, calls: Sequence[Call]) -> list[Measured]:
    """Make every call in every round, one after the other."""
    return [await _measure(layer, call) for call in calls]


async def _measure(layer: DataLayer, call: Call) -> Measured:
    answers, seconds = [await call.ask(layer, 0)], []
    for number in range(1, ROUNDS + 1):
        started = perf_counter()
        answers.append(await call.ask(layer, number))
        seconds.append(perf_counter() - started)
    return Measured(call.name, median(seconds), answers)


class TickingClock:
    """Tells the salon's present when it is asked first, and a second more each time it is asked again.

    A layer with such a clock stamps its writes with the same times on every run. They differ from write to write: a
    table's trigger would put the server's time where an update leaves ``updated_at`` as it was.
    """

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Begin at the salon's present again."""
        self._ticks = itertools.count()

    def __call__(self) -> dt.datetime:
        """Tell the time."""
        return NOW + dt.timedelta(seconds=next(self._ticks))
