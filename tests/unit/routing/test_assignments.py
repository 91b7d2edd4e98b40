"""Writes that wait while a company is moved, and moves that wait for writes."""

from __future__ import annotations

import asyncio
from time import monotonic

import pytest

from datalayer.errors import OutcomeUnknownError, UnavailableError
from datalayer.routing.assignments import ANY, Assignments

SEVEN, EIGHT = frozenset({"7"}), frozenset({"8"})


async def write(assignments: Assignments, companies: frozenset[str]) -> frozenset[str]:
    """Write, and return the companies that were on the other store by then."""
    async with assignments.writing(companies, store="postgres", table="clients"):
        return assignments.others


async def test_write_waits_until_its_company_has_moved() -> None:
    """Others go on; what waited is made where the company is then."""
    assignments = Assignments(lease_seconds=60)
    assert await assignments.adopt((), SEVEN, read_at=monotonic()) is True
    waiting = [asyncio.create_task(write(assignments, companies)) for companies in (SEVEN, ANY)]
    assert await write(assignments, EIGHT) == frozenset()
    await asyncio.sleep(0)
    assert not any(task.done() for task in waiting)
    assert await assignments.adopt(SEVEN, (), read_at=monotonic()) is True
    assert await asyncio.gather(*waiting) == [SEVEN, SEVEN]


async def test_move_waits_for_writes_that_are_under_way() -> None:
    """It is acknowledged only when none of its company, or of nobody knows whom, is left."""
    assignments = Assignments(lease_seconds=60)
    for companies in (SEVEN, ANY):
        async with assignments.writing(companies, store="postgres", table="clients"):
            move = asyncio.create_task(assignments.adopt((), SEVEN, read_at=monotonic()))
            await asyncio.sleep(0.01)
            assert not move.done()
        assert await move is True
        await assignments.adopt((), (), read_at=monotonic())
    async with assignments.writing(EIGHT, store="postgres", table="clients"):
        assert await assignments.adopt((), SEVEN, read_at=monotonic()) is True


async def test_writes_are_refused_when_the_lease_has_run_out() -> None:
    """A process that could not read for so long does not guess."""
    now = [0.0]
    assignments = Assignments(lease_seconds=60, clock=lambda: now[0])
    await write(assignments, SEVEN)
    now[0] = 61.0
    with pytest.raises(UnavailableError, match="too long"):
        await write(assignments, SEVEN)
    await assignments.adopt((), (), read_at=30.0)
    await write(assignments, SEVEN)


async def test_company_stays_while_a_request_of_it_may_still_arrive() -> None:
    """After a write with an unknown outcome, or one cut off, its company does not move; others do meanwhile."""
    now = [0.0]
    assignments = Assignments(lease_seconds=60, doubt_seconds=5, clock=lambda: now[0])
    for error in (OutcomeUnknownError("lost", store="supabase", operation="upsert"), asyncio.CancelledError()):
        with pytest.raises(type(error)):
            async with assignments.writing(SEVEN, store="supabase", table="clients"):
                raise error
        assert assignments.doubt_seconds == 5
        assert await assignments.adopt((), SEVEN, read_at=now[0]) is False
        assert await write(assignments, SEVEN) == frozenset()
        assert await assignments.adopt((), EIGHT, read_at=now[0]) is True
        now[0] += 5
        assert assignments.doubt_seconds == 0
        assert await assignments.adopt((), SEVEN, read_at=now[0]) is True
        assert await assignments.adopt((), (), read_at=now[0]) is True


async def test_company_that_has_moved_is_known_while_another_cannot_be_held() -> None:
    """A process that missed the end of one move and cannot follow the next writes to the new store all the same."""
    assignments = Assignments(lease_seconds=60, doubt_seconds=5)
    assert await assignments.adopt((), SEVEN, read_at=monotonic()) is True
    with pytest.raises(asyncio.CancelledError):
        async with assignments.writing(EIGHT, store="supabase", table="clients"):
            raise asyncio.CancelledError
    assert await assignments.adopt(SEVEN, EIGHT, read_at=monotonic()) is False
    assert await write(assignments, SEVEN) == SEVEN
