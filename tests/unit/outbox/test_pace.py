"""Pauses and batches of a relay."""

from __future__ import annotations

from datalayer.outbox.pace import Pace, Waits


def test_idle_pauses_double_up_to_the_longest_and_start_anew_after_work() -> None:
    """An idle relay looks less and less often, a busy one at once."""
    waits = Waits(Pace(shortest_idle_seconds=0.05, longest_idle_seconds=0.15))
    assert [waits.next() for _ in range(4)] == [0.05, 0.1, 0.15, 0.15]
    waits.worked()
    assert waits.next() == 0.05


def test_trouble_shrinks_the_batch_and_lengthens_the_pause() -> None:
    """While a store is away the relay tries less, seldom; afterwards it grows back."""
    waits = Waits(Pace(batch=100, first_retry_seconds=1.0, longest_trouble_seconds=30.0))
    pauses = []
    for _ in range(10):
        waits.trouble()
        pauses.append(waits.next())
    before = waits.in_trouble
    assert waits.batch == 1
    assert 0.5 <= pauses[0] <= 1.0
    assert 15.0 <= pauses[-1] <= 30.0
    for _ in range(7):
        waits.worked()
    assert (before, waits.in_trouble) == (True, False)
    assert waits.batch == 100


def test_pauses_between_tries_double_up_to_the_longest() -> None:
    """An entry that is refused comes back later each time, never all entries at once."""
    waits = Waits(Pace(first_retry_seconds=0.5, longest_retry_seconds=300.0))
    assert 0.25 <= waits.before_try(1) <= 0.5
    assert 150 <= waits.before_try(1000) <= 300
    assert len({waits.before_try(5) for _ in range(20)}) > 1
