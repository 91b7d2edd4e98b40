"""Whatever happens to a request, what was acknowledged is there, and in the end both stores are equal."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest
from tests.integration.request_capture.following import follow
from tests.integration.request_capture.place import Place
from tests.integration.supabase.proxy import Fault, Reaction, reply

from datalayer.errors import OutcomeUnknownError
from datalayer.query import Delete, Insert, Update, Upsert, Written, col

Write = Callable[[Place], Awaitable[Written]]

_WRITES: dict[str, Write] = {
    "insert": lambda place: place.store.insert(Insert("parents", [{"code": "new"}])),
    "insert of several": lambda place: place.store.insert(Insert("parents", [{"code": "x"}, {"code": "y", "n": 1}])),
    "upsert": lambda place: place.store.upsert(Upsert("parents", [{"code": "old", "n": 7}, {"code": "z"}], ("code",))),
    "update": lambda place: place.store.update(Update("parents", {"n": 9}, col("code").eq("old"))),
    "delete": lambda place: place.store.delete(Delete("parents", col("code").eq("old"))),
}
_FAULTS: dict[str, Reaction] = {
    "cut before it is sent": Fault.CUT_REQUEST,
    "cut after it is sent": Fault.CUT_ANSWER,
    "half an answer": Fault.HALF_ANSWER,
    "delay": Fault.DELAY,
    "stall": Fault.STALL,
    "lands late": Fault.LAND_LATE,
    "429": reply(429, "Retry-After: 0"),
    "500": reply(500, body="oops"),
    "502": reply(502, body="<html>bad gateway</html>"),
    "503": reply(503),
}


def _two_writes(place: int) -> list[str]:
    names = list(_WRITES)
    return [names[(place + step) % len(names)] for step in (0, 2)]


#: Each fault meets two writes, each write several faults.
_PAIRS = [(write, fault) for place, fault in enumerate(_FAULTS) for write in _two_writes(place)]


@pytest.mark.parametrize(("write", "fault"), _PAIRS)
async def test_write_is_not_lost_whatever_happens_to_its_request(place: Place, write: str, fault: str) -> None:
    """The caller has an answer or a typed error, and both stores end equal, late effects included."""
    await place.store.insert(Insert("parents", [{"code": "old", "n": 1}, {"code": "other"}]))
    place.proxy.script.append(_FAULTS[fault])
    acknowledged = False
    # No other error may leave a write's outcome open.
    with suppress(OutcomeUnknownError):
        await _WRITES[write](place)
        acknowledged = True
    await place.proxy.land()
    await follow(place)
    assert place.primary(_ROWS) == place.behind(_ROWS)
    assert place.operations() == 0
    if acknowledged:
        assert place.primary(_EFFECTS[write]) == [(True,)]


async def test_write_whose_caller_goes_away_is_covered(place: Place) -> None:
    """A cancelled write stays covered until it can no longer take effect."""
    place.proxy.hold()
    writing = asyncio.create_task(place.store.insert(Insert("parents", [{"code": "new"}])))
    await place.proxy.held()
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert place.operations() == 1
    place.proxy.release()
    await follow(place)
    assert place.primary(_ROWS) == place.behind(_ROWS)


async def test_open_operation_is_not_resolved_before_it_expires(place: Place) -> None:
    """While the request may still land, nobody may take what is there for its outcome."""
    place.proxy.script.append(Fault.LAND_LATE)
    with pytest.raises(OutcomeUnknownError):
        await place.store.insert(Insert("parents", [{"code": "new"}]), timeout=0.2)
    await place.requests.settle()
    assert place.operations() == 1
    assert place.marks() == []


_ROWS = "select * from parents order by id"
_EFFECTS = {
    "insert": "select count(*) = 1 from parents where code = 'new'",
    "insert of several": "select count(*) = 2 from parents where code in ('x', 'y')",
    "upsert": "select count(*) = 2 from parents where (code = 'old' and n = 7) or code = 'z'",
    "update": "select bool_and(n = 9) from parents where code = 'old'",
    "delete": "select count(*) = 0 from parents where code = 'old'",
}
