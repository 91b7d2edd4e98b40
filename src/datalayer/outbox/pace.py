"""How much a relay does at a time, and how long it waits in between."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

_LEAST_BATCH: Final = 1


@dataclass(frozen=True, slots=True)
class Pace:
    """Settings of a relay, all durations in seconds.

    Args:
        batch: entries at a time.
        tries: after so many failures an entry is a dead letter.
        lease_seconds: how long a claim lasts; longer than a batch takes.
        first_retry_seconds: pause after an entry's first failure; it doubles with each further one.
        longest_retry_seconds: and ends here.
        held_seconds: pause before a key is looked at again that has another apply in flight.
        gather_seconds: pause after a write was noticed, so that those that follow it share its batch.
        shortest_idle_seconds: pause after the outbox was found empty; it doubles while it stays empty.
        longest_idle_seconds: and ends here: the longest that a write of another process waits to be seen.
        longest_trouble_seconds: the longest pause while a store is away.
        report_seconds: how often the observers hear.
    """

    batch: int = 500
    tries: int = 10
    lease_seconds: float = 60.0
    first_retry_seconds: float = 0.5
    longest_retry_seconds: float = 300.0
    held_seconds: float = 1.0
    gather_seconds: float = 0.1
    shortest_idle_seconds: float = 0.05
    longest_idle_seconds: float = 1.0
    longest_trouble_seconds: float = 30.0
    report_seconds: float = 5.0


class Waits:
    """Pauses that grow, with jitter, and a batch that shrinks while there is trouble. Changed by its relay alone."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._idle = pace.shortest_idle_seconds
        self._troubles = 0
        #: Entries to claim next.
        self.batch = pace.batch

    @property
    def in_trouble(self) -> bool:
        """Whether the last attempt met a store in trouble."""
        return self._troubles > 0

    def worked(self) -> None:
        """Forget all pauses: a batch went through."""
        self._idle = self._pace.shortest_idle_seconds
        self._troubles = 0
        self.batch = min(self.batch * 2, self._pace.batch)

    def empty(self) -> None:
        """Forget the trouble: both questions were answered, and nothing is due."""
        self._troubles = 0

    def trouble(self) -> None:
        """Wait longer, and try with less: a store is away, or a batch is more than it takes in time."""
        self._troubles += 1
        self.batch = max(self.batch // 2, _LEAST_BATCH)

    def next(self) -> float:
        """Return how long to wait now."""
        if self._troubles:
            longest = self._pace.longest_trouble_seconds
            return _jittered(min(self._pace.first_retry_seconds * 2.0 ** min(self._troubles - 1, 30), longest))
        waiting, self._idle = self._idle, min(self._idle * 2, self._pace.longest_idle_seconds)
        return waiting

    def before_try(self, tries: int) -> float:
        """Return how long an entry waits after so many tries."""
        pause = self._pace.first_retry_seconds * 2.0 ** min(tries - 1, 30)
        return _jittered(min(pause, self._pace.longest_retry_seconds))


def _jittered(seconds: float) -> float:
    """Spread by half, so that relays do not come back all at once."""
    return seconds * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
