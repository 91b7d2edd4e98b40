"""One key of a primary that captures nothing: its writes are HTTP requests, covered by operations beside the ledger.

A request that was sent may take effect at any later time until its lifetime is over, also when its client has given up
or died. The operation is committed before the request is sent. Its answer resolves it, else its expiry does: the
operation goes and a mark with a fresh version comes, in one step.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from tests.model.search import Result, put, search

_IDLE, _SEEN, _READ, _APPLIED = range(4)
_TODO, _BEGUN, _SENT, _ANSWERED, _UNKNOWN, _DONE = range(6)
_NOT_SENT, _LIVE, _GONE = range(3)


@dataclass(frozen=True)
class Protocol:
    """Which rules hold; the defaults are the product's.

    Args:
        operations: whether writes are covered by an operation; without it, nothing remembers an unknown one.
        marks: when the key is marked: at the resolve, or at the beginning alone.
        expiry: an unknown operation is resolved when its request can no longer act, or when the client stops waiting.
        guard: whether the secondary compares versions.
        settle: delete the marks that were seen, or all of the key.
        backfill: below every version, only where the row is absent, or without a look.
    """

    operations: bool = True
    marks: Literal["at the resolve", "at the beginning"] = "at the resolve"
    expiry: Literal["lifetime", "timeout"] = "lifetime"
    guard: bool = True
    settle: Literal["seen", "all"] = "seen"
    backfill: Literal["guarded", "if absent", "blind"] = "guarded"


class Writer(NamedTuple):
    """How far a writer is, and its request."""

    at: int = _TODO
    request: int = _NOT_SENT


class Relay(NamedTuple):
    """How far a relay is, which marks it saw, and what it read."""

    at: int = _IDLE
    seen: frozenset[int] = frozenset()
    value: int = 0


class State(NamedTuple):
    """0 is an absent row; ``backfill`` is None before it has read, -1 after it has written."""

    primary: int
    secondary: int
    sequence: int
    ledger: int
    marks: frozenset[int]
    writers: tuple[Writer, ...]
    relays: tuple[Relay, ...]
    deaths: int
    backfill: int | None


def explore(
    protocol: Protocol, writes: tuple[int, ...], *, relays: int = 2, deaths: int = 1, backfill: bool = False
) -> Result[State]:
    """Search all orders of these writes.

    Args:
        writes: what each writer puts, 0 for a delete; the row is 1 before.
        deaths: how often a relay may die. A writer's client may give up or die always.
        backfill: whether the secondary begins empty and a backfill fills it.
    """
    start = State(
        primary=1,
        secondary=0 if backfill else 1,
        sequence=0,
        ledger=0,
        marks=frozenset(),
        writers=(Writer(),) * len(writes),
        relays=(Relay(),) * relays,
        deaths=deaths,
        backfill=None if backfill else -1,
    )

    def steps(state: State) -> Iterator[tuple[str, State]]:
        for place, writer in enumerate(state.writers):
            for name, changed, following in _writer(state, writer, writes[place], protocol):
                yield f"writer {place} {name}", following._replace(writers=put(state.writers, place, changed))
        for place, relay in enumerate(state.relays):
            if place and relay == state.relays[place - 1]:
                continue
            for name, after, following in _relay(state, relay, protocol):
                relays = tuple(sorted(put(state.relays, place, after), key=_order))
                yield f"relay {place} {name}", following._replace(relays=relays)
        yield from _backfill(state, protocol)

    return search(start, steps, lambda state: _unequal(state, protocol))


def _unequal(state: State, protocol: Protocol) -> bool:
    """Whether nothing is owed, nobody is at work, and yet the stores differ."""
    at_rest = (
        not state.marks
        and state.backfill == -1
        and all(relay.at == _IDLE for relay in state.relays)
        and all(
            writer.at == _DONE or (writer.at == _UNKNOWN and not protocol.operations and writer.request == _GONE)
            for writer in state.writers
        )
        and all(writer.request != _LIVE for writer in state.writers)
    )
    return at_rest and state.primary != state.secondary


def _order(relay: Relay) -> tuple[object, ...]:
    return relay.at, sorted(relay.seen), relay.value


def _marked(state: State) -> State:
    new = state.sequence + 1
    return state._replace(sequence=new, marks=state.marks | {new})


def _writer(state: State, writer: Writer, value: int, protocol: Protocol) -> Iterator[tuple[str, Writer, State]]:
    early = protocol.marks == "at the beginning"
    if writer.at == _TODO:
        yield "begins", writer._replace(at=_BEGUN), _marked(state) if early else state
    if writer.at == _BEGUN:
        yield "sends", Writer(_SENT, _LIVE), state
        yield "dies before it sends", Writer(_UNKNOWN, _GONE), state
    if writer.request == _LIVE:
        yield f"takes effect: {value}", writer._replace(request=_GONE), state._replace(primary=value)
        yield "takes no effect", writer._replace(request=_GONE), state
    if writer.at == _SENT and writer.request == _GONE:
        yield "is answered", writer._replace(at=_ANSWERED), state
    if writer.at in (_SENT, _ANSWERED):
        yield "gives up or dies", writer._replace(at=_UNKNOWN), state
    ended = writer.request == _GONE or protocol.expiry == "timeout"
    if writer.at == _ANSWERED or (writer.at == _UNKNOWN and protocol.operations and ended):
        yield "is resolved", writer._replace(at=_DONE), state if early else _marked(state)


def _relay(state: State, relay: Relay, protocol: Protocol) -> Iterator[tuple[str, Relay, State]]:
    if relay.at == _IDLE and state.marks:
        yield f"sees {sorted(state.marks)}", relay._replace(at=_SEEN, seen=state.marks), state
    if relay.at == _SEEN:
        yield f"reads {state.primary}", relay._replace(at=_READ, value=state.primary), state
    if relay.at == _READ:
        version = max(relay.seen)
        applied = _applied(state, version * 2, relay.value, protocol)
        yield f"applies {relay.value} at {version}", relay._replace(at=_APPLIED, value=0), applied
    if relay.at == _APPLIED:
        left = state.marks - relay.seen if protocol.settle == "seen" else frozenset[int]()
        yield f"settles {sorted(relay.seen)}", Relay(), state._replace(marks=left)
    if relay.at != _IDLE and state.deaths:
        yield "dies", Relay(), state._replace(deaths=state.deaths - 1)


def _backfill(state: State, protocol: Protocol) -> Iterator[tuple[str, State]]:
    if state.backfill is None:
        yield f"backfill reads {state.primary}", state._replace(backfill=state.primary)
    elif state.backfill >= 0:
        value, done = state.backfill, state._replace(backfill=-1)
        if value == 0:
            yield "backfill has nothing", done
        elif protocol.backfill == "guarded":
            yield f"backfill applies {value}", _applied(done, 1, value, protocol)
        elif protocol.backfill == "if absent":
            yield f"backfill inserts {value} if absent", done._replace(secondary=state.secondary or value)
        else:
            yield f"backfill writes {value}", done._replace(secondary=value)


def _applied(state: State, version: int, value: int, protocol: Protocol) -> State:
    if protocol.guard and version <= state.ledger:
        return state
    return state._replace(secondary=value, ledger=max(version, state.ledger))
