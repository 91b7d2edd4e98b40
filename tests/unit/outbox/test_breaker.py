"""The breaker: how many deletes pass unasked."""

from __future__ import annotations

from datalayer.outbox.breaker import DeleteBreaker
from datalayer.outbox.entries import Key


def _keys(count: int, *, first: int = 0) -> list[Key]:
    return [(number,) for number in range(first, first + count)]


class Clock:
    """Time that the test drives."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def test_breaker_trips_above_its_limit_and_stays() -> None:
    """The batch that would exceed the limit is held, and so is every later one of the table, however small."""
    breaker = DeleteBreaker(limit=10)
    assert breaker.admits("a", _keys(10))
    assert not breaker.admits("a", _keys(1, first=10))
    assert not breaker.admits("a", _keys(1))
    assert breaker.admits("a", _keys(0))
    assert breaker.admits("b", _keys(10))
    assert breaker.tripped == {"a"}


def test_breaker_counts_within_its_window_alone() -> None:
    """Deletes spread over time pass, however many they become."""
    clock = Clock()
    breaker = DeleteBreaker(limit=10, window_seconds=60, clock=clock)
    for _ in range(20):
        assert breaker.admits("a", _keys(10))
        clock.now += 60
    assert breaker.admits("a", _keys(6))
    clock.now += 59
    assert not breaker.admits("a", _keys(5, first=6))


def test_breaker_counts_a_key_once_however_often_it_is_tried() -> None:
    """Deletes that wait for a pin, or for a store that is away, are tried again and again, and stay as many."""
    breaker = DeleteBreaker(limit=10)
    for _ in range(100):
        assert breaker.admits("a", _keys(6))
    assert breaker.admits("a", _keys(6, first=4))
    assert not breaker.admits("a", _keys(1, first=10))


def test_breaker_lets_pass_again_after_a_reset() -> None:
    """An operator's word closes it, counted from none."""
    breaker = DeleteBreaker(limit=10)
    breaker.trip("a")
    assert not breaker.admits("a", _keys(1))
    breaker.reset("a")
    assert breaker.admits("a", _keys(10))


def test_breaker_without_a_limit_never_trips() -> None:
    """0 turns it off."""
    breaker = DeleteBreaker(limit=0)
    breaker.trip("a")
    assert breaker.admits("a", _keys(10_000))
