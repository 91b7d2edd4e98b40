"""The collector of cyclic garbage is held back for a block, and never for longer."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from datalayer.collecting import uncollected


@pytest.fixture(autouse=True)
def collecting() -> Iterator[None]:
    """Leave the collector on."""
    gc.enable()
    yield
    gc.enable()


def test_nothing_is_collected_inside_and_everything_after() -> None:
    """Whatever is allocated, no collection runs before the block ends."""
    runs: list[str] = []

    def watch(phase: str, _: object) -> None:
        runs.append(phase)

    gc.callbacks.append(watch)
    try:
        with uncollected():
            kept = [[number] for number in range(20_000)]
            assert runs == []
        kept += [[number] for number in range(20_000)]
        assert runs != []
    finally:
        gc.callbacks.remove(watch)


def test_an_error_inside_leaves_the_collector_on() -> None:
    """The pause ends with the block, however it ends."""
    with pytest.raises(ValueError, match="inside"), uncollected():
        raise ValueError("inside")
    assert gc.isenabled()


def test_a_collector_that_was_off_stays_off() -> None:
    """An application that switched it off is not overruled; a block in a block ends with the outer one."""
    with uncollected():
        with uncollected():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()
    gc.disable()
    with uncollected():
        pass
    assert not gc.isenabled()
