"""One key on a secondary without a function of ours: applies are plain HTTP requests, which nothing there can refuse.

So one apply of a key is in flight at a time: its sender holds the key's pin, in the primary's own database, until the
answer has come, else until the request can no longer act. Row and outbox entry are written in one transaction.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from tests.model.search import Result, put, search

_IDLE, _SEEN, _READ, _READY, _SENT, _ANSWERED, _LATE = range(7)


@dataclass(frozen=True)
class Protocol:
    """Which rules hold.

    Args:
        pin: taken before the row is read; after it, with a look at the ledger under the pin; after it without; never.
        release: a pin of an unknown apply ends when the request can no longer act, or when its sender stops waiting.
        settle: delete the versions that were seen, or all of the key.
        late: what a relay does that was stopped until its pin had run out: send nothing, or what it has read.
    """

    pin: Literal["before the read", "after, ledger", "after", "never"]
    release: Literal["lifetime", "timeout"] = "lifetime"
    settle: Literal["seen", "all"] = "seen"
    late: Literal["stop", "send"] = "stop"


class Relay(NamedTuple):
    """How far a relay is, what it saw, and what it read."""

    at: int = _IDLE
    seen: frozenset[int] = frozenset()
    value: int = 0


class State(NamedTuple):
    """0 is an absent row.

    Args:
        pin: 0 free, 1 held by a relay, 2 left behind by one that stopped waiting.
        in_flight: values of applies that may still land; the first is the one that the pin is about.
    """

    primary: int
    secondary: int
    sequence: int
    ledger: int
    entries: frozenset[int]
    written: int
    relays: tuple[Relay, ...]
    pin: int
    in_flight: tuple[int, ...]
    deaths: int


def explore(protocol: Protocol, writes: tuple[int, ...], *, relays: int = 2, deaths: int = 2) -> Result[State]:
    """Search all orders of these writes, made one after the other; 0 is a delete, and the row is 1 before."""
    start = State(1, 1, 0, 0, frozenset(), 0, (Relay(),) * relays, 0, (), deaths)

    def steps(state: State) -> Iterator[tuple[str, State]]:
        if state.written < len(writes):
            new = state.sequence + 1
            yield (
                f"write {writes[state.written]}, version {new}",
                state._replace(
                    primary=writes[state.written],
                    sequence=new,
                    entries=state.entries | {new},
                    written=state.written + 1,
                ),
            )
        for place, relay in enumerate(state.relays):
            for name, changed, following in _relay(state, relay, protocol):
                yield f"relay {place} {name}", following._replace(relays=put(state.relays, place, changed))
        for place, value in enumerate(state.in_flight):
            rest = state.in_flight[:place] + state.in_flight[place + 1 :]
            yield f"apply of {value} lands unheard", state._replace(secondary=value, in_flight=rest)
            yield f"apply of {value} is lost", state._replace(in_flight=rest)
        if state.pin == 2 and (not state.in_flight or protocol.release == "timeout"):
            yield "the pin runs out", state._replace(pin=0)

    return search(start, steps, lambda state: _unequal(state, len(writes)))


def _unequal(state: State, writes: int) -> bool:
    """Whether nothing is owed, nobody is at work, and yet the stores differ."""
    at_rest = (
        not state.entries
        and state.written == writes
        and not state.in_flight
        and state.pin == 0
        and all(relay.at == _IDLE for relay in state.relays)
    )
    return at_rest and state.primary != state.secondary


def _relay(state: State, relay: Relay, protocol: Protocol) -> Iterator[tuple[str, Relay, State]]:
    pinned = state._replace(pin=1)
    free = state.pin == 0
    if relay.at == _IDLE and state.entries:
        yield f"sees {sorted(state.entries)}", relay._replace(at=_SEEN, seen=state.entries), state
    if relay.at == _SEEN and (free or protocol.pin != "before the read"):
        early = pinned if protocol.pin == "before the read" else state
        yield f"reads {state.primary}", relay._replace(at=_READ, value=state.primary), early
    if relay.at == _READ:
        yield from _ready(state, relay, protocol)
    if relay.at == _READY:
        sent = tuple(sorted((*state.in_flight, relay.value)))
        yield f"sends {relay.value}", relay._replace(at=_SENT), state._replace(in_flight=sent)
    if relay.at in (_READ, _READY) and protocol.pin == "before the read" and state.pin == 1:
        after = relay._replace(at=_LATE) if protocol.late == "send" else Relay()
        yield "is stopped until its pin has run out", after, state._replace(pin=0)
    if relay.at == _LATE:
        sent = tuple(sorted((*state.in_flight, relay.value)))
        yield f"sends {relay.value} late", Relay(), state._replace(in_flight=sent)
    if relay.at == _SENT and relay.value in state.in_flight:
        rest = list(state.in_flight)
        rest.remove(relay.value)
        landed = state._replace(secondary=relay.value, in_flight=tuple(rest))
        yield f"hears that {relay.value} landed", relay._replace(at=_ANSWERED), _released(landed, relay, protocol)
    if relay.at == _ANSWERED:
        left = state.entries - relay.seen if protocol.settle == "seen" else frozenset[int]()
        yield f"settles {sorted(relay.seen)}", Relay(), state._replace(entries=left)
    if relay.at != _IDLE and state.deaths:
        yield "gives up or dies", Relay(), _left_behind(state, relay, protocol)._replace(deaths=state.deaths - 1)


def _ready(state: State, relay: Relay, protocol: Protocol) -> Iterator[tuple[str, Relay, State]]:
    """Take the pin where it is taken after the read."""
    ready = relay._replace(at=_READY)
    if protocol.pin in ("before the read", "never"):
        yield "goes on", ready, state
    elif state.pin == 0 and protocol.pin == "after, ledger" and state.ledger >= max(relay.seen):
        yield "finds itself outdated", relay._replace(at=_ANSWERED), state
    elif state.pin == 0:
        yield "takes the pin", ready, state._replace(pin=1)


def _released(state: State, relay: Relay, protocol: Protocol) -> State:
    if protocol.pin == "never":
        return state
    return state._replace(pin=0, ledger=max(state.ledger, max(relay.seen)))


def _left_behind(state: State, relay: Relay, protocol: Protocol) -> State:
    """Return what a relay leaves that holds a pin: before anything was sent it runs out all the same."""
    holds = relay.at in (_READY, _SENT) or (relay.at == _READ and protocol.pin == "before the read")
    return state._replace(pin=2) if holds and protocol.pin != "never" else state
