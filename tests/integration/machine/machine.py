"""The rules: what an application, relays, operators and a network do, in any order."""

from __future__ import annotations

from asyncio import AbstractEventLoop
from collections.abc import Callable, Coroutine
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule
from tests.integration.machine.model import State, Write, change, change_matching, put, remove
from tests.integration.machine.tables import EMPTYING, RAW, TABLES
from tests.integration.machine.world import World
from tests.integration.supabase.proxy import Fault, reply

from datalayer.errors import DataLayerError
from datalayer.outbox.backfill import Filled, backfill

_FAULTS: Final = (
    Fault.CUT_REQUEST, Fault.CUT_ANSWER, Fault.HALF_ANSWER, Fault.CUT_AND_LAND_LATE, Fault.CUT_AND_LAND_LATE,
    reply(429, "Retry-After: 0"), reply(500, body="oops"), reply(502, body="<html>bad gateway</html>"), reply(503),
)  # fmt: skip
_CODES = st.sampled_from("abcdef")
_NOTES = st.sampled_from([None, "", "a", "ü\"\\'", "null"])
_NUMBERS = st.integers(0, 5)
_RANKS = st.one_of(st.none(), st.integers(1, 5))
_PRICES = st.sampled_from([None, Decimal("0.00"), Decimal("12.50")])
_FLAGS = st.sampled_from([None, True, False])
_BATCHES = st.sampled_from([1, 2, 3, 500])
_UUIDS = st.integers(1, 6).map(lambda number: UUID(int=number))
#: Costs too much time to be done whenever its turn comes.
_RARELY = st.sampled_from([True, False, False, False])
_HARDLY_EVER = st.sampled_from([True, *[False] * 7])

Make = Callable[[State], Write]


def author_at(state: State, number: int) -> int:
    """Return an author's number, or that of none."""
    ids = sorted(key[0] for key in state["authors"])
    return int(ids[number % len(ids)]) if ids else 999_999


@st.composite
def author_writes(draw: st.DrawFn) -> Make:
    """Draw a write of one author."""
    code, rank, note, number, other = draw(_CODES), draw(_RANKS), draw(_NOTES), draw(_NUMBERS), draw(_NUMBERS)
    kind = draw(st.sampled_from(["insert", "upsert", "upsert", "rank", "code", "boss", "matching"]))

    def make(state: State) -> Write:
        match kind:
            case "insert":
                return put("authors", [{"code": code, "rank": rank, "note": note}])
            case "upsert":
                return put("authors", [{"code": code, "note": note}], ("code",))
            case "matching":
                return change_matching("authors", "rank", rank, {"note": note})
        key = (author_at(state, number),)
        changes = {"rank": rank, "code": code, "boss": author_at(state, other)}
        return change("authors", key, {kind: changes[kind]})

    return make


@st.composite
def book_writes(draw: st.DrawFn) -> Make:
    """Draw a write of one book."""
    identity, number, title, price = draw(_UUIDS), draw(_NUMBERS), draw(_NOTES), draw(_PRICES)
    kind = draw(st.sampled_from(["insert", "upsert", "update", "matching", "delete"]))

    def make(state: State) -> Write:
        author = author_at(state, number)
        match kind:
            case "insert":
                return put("books", [{"id": identity, "author": author, "title": title}])
            case "upsert":
                return put("books", [{"id": identity, "author": author, "price": price}], ("id",))
            case "update":
                return change("books", (identity,), {"author": author, "title": title})
            case "delete":
                return remove("books", "id", [identity])
        return change_matching("books", "author", author, {"price": price})

    return make


@st.composite
def place_writes(draw: st.DrawFn) -> Make:
    """Draw a write of one place; half of them change keys."""
    area, name, note, flag = draw(_NUMBERS), draw(_CODES), draw(_NOTES), draw(_FLAGS)
    number = draw(_NUMBERS)
    kind = draw(st.sampled_from(["upsert", "upsert", "move", "rename", "delete", "matching"]))

    def make(state: State) -> Write:
        keys = sorted(state["places"])
        key = keys[number % len(keys)] if keys else (0, "none")
        match kind:
            case "upsert":
                return put("places", [{"area": area, "name": name, "note": note, "flag": flag}], ("area", "name"))
            case "move":
                return change("places", key, {"area": area, "name": name})
            case "rename":
                return change("places", key, {"name": name, "note": note})
            case "delete":
                return remove("places", "area", [area])
        return change_matching("places", "flag", flag, {"note": note})

    return make


_SINGLE = st.one_of(author_writes(), book_writes(), place_writes())


class Machine(RuleBasedStateMachine):
    """Interleavings over one pair of stores; in the end both are equal."""

    def __init__(self, world: World, loop: AbstractEventLoop) -> None:
        super().__init__()
        self.world = world
        self._loop = loop
        self._run(world.begin())

    def teardown(self) -> None:
        """Mend everything, relay what is owed, and compare."""
        self._run(self.world.settle(500))
        self._run(self.world.end())

    @rule(make=author_writes())
    def write_an_author(self, make: Make) -> None:
        """The server makes keys, and natural keys find rows."""
        self._write(make)

    @rule(make=book_writes())
    def write_a_book(self, make: Make) -> None:
        """The application makes keys, and rows have parents."""
        self._write(make)

    @rule(make=place_writes())
    def write_a_place(self, make: Make) -> None:
        """Rows move from key to key."""
        self._write(make)

    @rule(number=_NUMBERS, title=_NOTES)
    def insert_with_a_key_of_the_server(self, number: int, title: str | None) -> None:
        """A UUID that the application does not choose."""
        row: dict[str, Any] = {"author": author_at(self.world.model, number), "title": title}
        if self.world.primary.dialect == "sqlite":
            row["id"] = UUID(int=number + 100)
        self._step(self.world.write(put("books", [row])))

    @rule(codes=st.lists(_CODES, min_size=2, max_size=5), note=_NOTES, number=_NUMBERS)
    def write_a_batch_of_authors(self, codes: list[str], note: str | None, number: int) -> None:
        """Rows of different shapes, some of them new, some twice."""
        shapes: list[dict[str, Any]] = [{}, {"note": note}, {"boss": None}, {"note": note, "boss": None}]
        rows = [{"code": code, **shapes[(number + place) % 4]} for place, code in enumerate(codes)]
        self._step(self.world.write(put("authors", rows, ("code",))))

    @rule(identities=st.lists(_UUIDS, min_size=2, max_size=4), number=_NUMBERS, price=_PRICES)
    def write_a_batch_of_books(self, identities: list[UUID], number: int, price: Decimal | None) -> None:
        """Rows of different shapes under parents."""
        author = author_at(self.world.model, number)
        rows: list[dict[str, Any]] = [{"id": identity, "author": author} for identity in identities]
        rows[0]["price"] = price
        rows[-1]["title"] = "last"
        self._step(self.world.write(put("books", rows, ("id",))))

    @rule(number=_NUMBERS)
    def delete_an_author(self, number: int) -> None:
        """A parent takes its children along; what a cascade does is not seen by captured requests."""
        author = author_at(self.world.model, number)
        if self.world.joined.capture is not None:
            self._run(self.world.write(change_matching("authors", "boss", author, {"boss": None})))
            self._run(self.world.write(remove("books", "author", [author])))
            if any(row["author"] == author for row in self.world.model["books"].values()) or any(
                row["boss"] == author for row in self.world.model["authors"].values()
            ):
                return
        self._step(self.world.write(remove("authors", "id", [author])))

    @rule(one=_NUMBERS, other=_NUMBERS, column=st.sampled_from(["code", "rank"]))
    def swap_unique_values(self, one: int, other: int, column: str) -> None:
        """Two rows trade a value that only one may have."""
        keys = (author_at(self.world.model, one),), (author_at(self.world.model, other),)
        rows = [self.world.model["authors"].get(key) for key in keys]
        if rows[0] is None or rows[1] is None or keys[0] == keys[1]:
            return
        spare: object = "spare" if column == "code" else 1000
        values = [(keys[0], spare), (keys[1], rows[0][column]), (keys[0], rows[1][column])]
        writes = [change("authors", key, {column: value}) for key, value in values]
        if self.world.primary.transactions:
            self._step(self.world.in_transaction([_ready(write) for write in writes], rolls_back=False))
            return
        for write in writes:
            self._run(self.world.write(write))
        self.world.steps += 1

    @rule(makes=st.lists(_SINGLE, min_size=2, max_size=4), rolls_back=st.booleans())
    def write_in_a_transaction(self, makes: list[Make], rolls_back: bool) -> None:
        """Several tables, all or nothing; where the store has no transactions one write alone."""
        if self.world.primary.transactions:
            self._step(self.world.in_transaction(makes, rolls_back=rolls_back))
        else:
            self._write(makes[0])

    @rule(statement=st.sampled_from(RAW), make=_SINGLE)
    def write_behind_the_back(self, statement: str, make: Make) -> None:
        """SQL of somebody else's, of which only triggers hear."""
        if self.world.primary.captures:
            self._step(self.world.behind(statement))
        else:
            self._write(make)

    @rule(number=st.integers(0, 2), rarely=_RARELY, make=_SINGLE)
    def empty_a_table(self, number: int, rarely: bool, make: Make) -> None:
        """TRUNCATE names no keys."""
        if self.world.primary.captures and rarely:
            self._step(self.world.behind(EMPTYING[self.world.primary.dialect][number]))
        else:
            self._write(make)

    @rule(batch=_BATCHES)
    def relay(self, batch: int) -> None:
        """Work off what is due."""
        self._step(self.world.relay(batch))

    @rule(batch=_BATCHES, make=_SINGLE)
    def two_relays_and_a_writer(self, batch: int, make: Make) -> None:
        """All at once."""
        self._step(self.world.relay(batch, 2, beside=make(self.world.model)))

    @rule(batch=_BATCHES)
    def a_relay_reads(self, batch: int) -> None:
        """And is slow to go on."""
        self._step(self.world.read_ahead(batch))

    @rule(place=_NUMBERS, settles=st.booleans())
    def a_slow_relay_goes_on(self, place: int, settles: bool) -> None:
        """Or dies before it settles."""
        if self.world.joined.slow:
            self._step(self.world.go_on(place, settles=settles))

    @rule(area=_NUMBERS, name=_CODES, note=_NOTES, deletes=st.booleans(), settles=st.booleans())
    def overtake_a_slow_relay(self, area: int, name: str, note: str | None, deletes: bool, settles: bool) -> None:
        """What it has read is old when it goes on, and what is newer is settled."""
        row = {"area": area, "name": name, "note": "old"}
        newer = (
            remove("places", "area", [area]) if deletes else put("places", [{**row, "note": note}], ("area", "name"))
        )
        self._run(self.world.write(put("places", [row], ("area", "name"))))
        self._run(self.world.read_ahead(500))
        self._run(self.world.write(newer))
        self._run(self.world.relay(500))
        if self.world.joined.slow:
            self._run(self.world.go_on(-1, settles=settles))
        self.world.steps += 1

    @rule(fault=st.sampled_from(_FAULTS), make=_SINGLE)
    def lose_a_request(self, fault: Fault | bytes, make: Make) -> None:
        """The caller's own, or the next one of a relay."""
        if self.world.proxy is not None:
            self.world.proxy.proxy.script.append(fault)
        self._write(make)

    @rule(make=_SINGLE, rarely=_RARELY)
    def give_up_a_stalled_write(self, make: Make, rarely: bool) -> None:
        """The caller's time is over; the request lands when nobody waits any more."""
        stalls = self.world.proxy is not None and rarely
        if self.world.proxy is not None and stalls:
            self.world.proxy.proxy.script.append(Fault.LAND_LATE)
        self._step(self.world.write(make(self.world.model), timeout=0.3 if stalls else None))

    @rule()
    def requests_land_late(self) -> None:
        """What was given up happens after all."""
        if self.world.proxy is not None:
            self._step(self.world.land())

    @rule(lands=st.booleans())
    def time_passes(self, lands: bool) -> None:
        """Leases, pauses and lifetimes are over."""
        self._step(self.world.expire(lands=lands))

    @rule(make=_SINGLE, relays=st.booleans(), rarely=_HARDLY_EVER)
    def cut_the_line(self, make: Make, relays: bool, rarely: bool) -> None:
        """PostgreSQL is away, and comes back to a process that starts anew."""
        if self.world.line is not None and rarely:
            self._step(self.world.cut(make(self.world.model), relays=relays))
        else:
            self._write(make)

    @rule(table=st.sampled_from(TABLES), whole=st.booleans())
    def mark(self, table: str, whole: bool) -> None:
        """An operator has a table, or all its rows, compared or sent again."""
        self._step(self._mark(table, whole=whole))

    @rule(table=st.sampled_from(TABLES), cut_off=st.booleans())
    def fill(self, table: str, cut_off: bool) -> None:
        """A backfill runs beside everything else, and may be ended before it says that it is done."""
        self._step(self._fill(table, cut_off=cut_off))

    @rule(batch=_BATCHES, rarely=_RARELY)
    def switch(self, batch: int, rarely: bool) -> None:
        """The other store leads from now on."""
        self._step(self.world.switch(batch) if rarely else self.world.relay(batch))

    async def _mark(self, table: str, *, whole: bool) -> None:
        keys = None if whole else list(self.world.model[table])
        await _tolerated(self.world.joined.outbox().mark(table, keys))

    async def _fill(self, table: str, *, cut_off: bool) -> None:
        def told(filled: Filled) -> None:
            if cut_off:
                raise _CutOffError

        joined = self.world.joined
        await _tolerated(backfill(joined.reconciler, joined.outbox(), tables=[table], on_progress=told))

    def _write(self, make: Make) -> None:
        self._step(self.world.write(make(self.world.model)))

    def _step(self, coroutine: Coroutine[Any, Any, object]) -> None:
        self._run(coroutine)
        self.world.steps += 1

    def _run(self, coroutine: Coroutine[Any, Any, object]) -> None:
        self._loop.run_until_complete(coroutine)


def _ready(write: Write) -> Make:
    return lambda _: write


class _CutOffError(Exception):
    """A process ends."""


async def _tolerated(work: Coroutine[Any, Any, object]) -> None:
    """Let an operator's command fail by a fault."""
    try:
        await work
    except (DataLayerError, _CutOffError):
        return
