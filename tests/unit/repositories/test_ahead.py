"""Batches that are made while the last one is being written."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import aclosing

import pytest

from datalayer.query import Row
from datalayer.repositories.ahead import PART_ROWS, made_ahead


class Source:
    """Parts of rows, of which it counts those that were taken; the one numbered ``fails`` is an error."""

    def __init__(self, parts: int, part_rows: int = PART_ROWS, fails: int | None = None) -> None:
        self._parts = parts
        self._part_rows = part_rows
        self._fails = fails
        self.taken = 0

    def __iter__(self) -> Iterator[list[Row]]:
        for number in range(self._parts):
            if number == self._fails:
                raise ValueError(f"part {number}")
            self.taken += 1
            yield [{"n": number * self._part_rows + row} for row in range(self._part_rows)]


@pytest.mark.parametrize(
    ("part_rows", "batch_rows", "sizes"),
    [
        (PART_ROWS, 2 * PART_ROWS, [2 * PART_ROWS, 2 * PART_ROWS, PART_ROWS]),
        (PART_ROWS, 2 * PART_ROWS + 1, [2 * PART_ROWS, 2 * PART_ROWS, PART_ROWS]),
        (PART_ROWS, PART_ROWS, [PART_ROWS] * 5),
        (3, 3, [3] * 5),
    ],
)
async def test_a_batch_has_as_many_whole_parts_as_fit(part_rows: int, batch_rows: int, sizes: list[int]) -> None:
    """No row is left out, none comes twice, all in their order."""
    batches = [batch async for batch in made_ahead(iter(Source(5, part_rows)), batch_rows)]
    assert [len(batch) for batch in batches] == sizes
    assert [row["n"] for batch in batches for row in batch] == list(range(5 * part_rows))


async def test_the_next_batch_is_made_while_the_last_is_used() -> None:
    """One batch ahead and no more; a part at a time, so that others have their turns."""
    source = Source(9)
    async with aclosing(made_ahead(iter(source), 3 * PART_ROWS)) as batches:
        await anext(batches)
        assert source.taken == 3
        turns = []
        for _ in range(6):
            await asyncio.sleep(0)
            turns.append(source.taken)
    assert turns == [4, 5, 6, 6, 6, 6]


async def test_what_the_source_raises_comes_in_its_turn() -> None:
    """The batches before it are complete."""
    batches = made_ahead(iter(Source(3, fails=2)), PART_ROWS)
    assert len(await anext(batches)) == PART_ROWS
    assert len(await anext(batches)) == PART_ROWS
    with pytest.raises(ValueError, match="part 2"):
        await anext(batches)


async def test_leaving_early_ends_what_is_being_made() -> None:
    """Nothing more is taken of the source."""
    source = Source(99)
    async with aclosing(made_ahead(iter(source), 50 * PART_ROWS)) as batches:
        await anext(batches)
        await asyncio.sleep(0)
    taken = source.taken
    await asyncio.sleep(0)
    assert source.taken == taken < 99


async def test_an_error_of_ones_own_comes_before_that_of_the_source() -> None:
    """The next batch has failed by then, and nobody asks for it."""

    async def use() -> None:
        async with aclosing(made_ahead(iter(Source(9, fails=1)), PART_ROWS)) as batches:
            await anext(batches)
            await asyncio.sleep(0)
            raise KeyError

    with pytest.raises(KeyError):
        await use()
