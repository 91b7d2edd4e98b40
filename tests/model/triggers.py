"""One key, captured by triggers on the primary; a secondary whose applies are guarded by a ledger.

A writer takes its version while it holds the row's lock, and both row and entry are seen when it commits. Relays do not
exclude each other: each sees the entries, reads the row, sends an apply and settles what it saw. An apply that was
sent may land at any later time, or never, also when its relay has long given up. A marker owes the key to the
secondary though nobody wrote it; a backfill copies what it read some time before.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from tests.model.search import Result, put, search

#: Steps of the ledger between two versions of the sequence.
STEP = 8

_IDLE, _SEEN, _STEPPED, _READ, _SENT, _ANSWERED = range(6)
_TODO, _LOCKED, _DONE = range(3)


@dataclass(frozen=True)
class Protocol:
    """Which rules hold; the defaults are the product's.

    Args:
        guard: whether the secondary compares versions.
        marks: what version a mark's apply has: one above what the ledger had before the row was read, or one of the
            sequence, taken without the row's lock.
        read: whether the row is read after the entries, or before.
        settle: delete the versions that were seen, or all of the key.
        backfill: below every version (guarded), only where the row is absent, or without a look.
    """

    guard: bool = True
    marks: Literal["above the ledger", "of the sequence"] = "above the ledger"
    read: Literal["after", "before"] = "after"
    settle: Literal["seen", "all"] = "seen"
    backfill: Literal["guarded", "if absent", "blind"] = "guarded"


class Relay(NamedTuple):
    """One relay; ``version`` is the apply's, in the ledger's measure."""

    at: int = _IDLE
    seen: frozenset[tuple[int, bool]] = frozenset()
    version: int = 0
    value: int = 0


class State(NamedTuple):
    """0 is an absent row.

    Args:
        entries: version and whether it is a mark; seen by everybody.
        writers: how far each is, and its version.
        in_flight: applies that were sent: version and value.
        deaths: how many relays may still die.
        backfill: None before it has read, -1 after it has written.
    """

    primary: int
    secondary: int
    sequence: int
    ledger: int
    entries: frozenset[tuple[int, bool]]
    writers: tuple[tuple[int, int], ...]
    relays: tuple[Relay, ...]
    in_flight: tuple[tuple[int, int], ...]
    markers: int
    deaths: int
    backfill: int | None


def explore(
    protocol: Protocol,
    writes: tuple[int, ...],
    *,
    relays: int = 2,
    markers: int = 0,
    backfill: bool = False,
    zombies: int = 2,
    deaths: int = 2,
) -> Result[State]:
    """Search all orders of these writes.

    Args:
        writes: what each writer puts, 0 for a delete; the row is 1 before.
        relays: how many work at the same time.
        markers: how often somebody marks the key.
        backfill: whether the secondary begins empty and a backfill fills it.
        zombies: applies that may be in flight at the same time.
        deaths: how often a relay may give up or die, at any step.
    """
    start = State(
        primary=1,
        secondary=0 if backfill else 1,
        sequence=0,
        ledger=0,
        entries=frozenset(),
        writers=((_TODO, 0),) * len(writes),
        relays=(Relay(),) * relays,
        in_flight=(),
        markers=markers,
        deaths=deaths,
        backfill=None if backfill else -1,
    )

    def steps(state: State) -> Iterator[tuple[str, State]]:
        yield from _writers(state, writes)
        yield from _marker(state)
        yield from _backfill(state, protocol)
        for place, relay in enumerate(state.relays):
            if place and relay == state.relays[place - 1]:
                continue
            for name, changed, following in _relay(state, relay, protocol, zombies):
                relays = put(following.relays, place, changed)
                yield f"relay {place} {name}", following._replace(relays=tuple(sorted(relays, key=_order)))
        yield from _landings(state, protocol)

    return search(start, steps, _unequal)


def _unequal(state: State) -> bool:
    """Whether nothing is owed, nobody is at work, and yet the stores differ."""
    at_rest = (
        not state.entries
        and not state.markers
        and not state.in_flight
        and state.backfill == -1
        and all(at == _DONE for at, _ in state.writers)
        and all(relay.at == _IDLE for relay in state.relays)
    )
    return at_rest and state.primary != state.secondary


def _order(relay: Relay) -> tuple[object, ...]:
    return relay.at, sorted(relay.seen), relay.version, relay.value


def _writers(state: State, writes: tuple[int, ...]) -> Iterator[tuple[str, State]]:
    locked = any(at == _LOCKED for at, _ in state.writers)
    for place, (at, version) in enumerate(state.writers):
        if at == _TODO and not locked:
            new = state.sequence + 1
            yield (
                f"writer {place} locks, version {new}",
                state._replace(sequence=new, writers=put(state.writers, place, (_LOCKED, new))),
            )
        if at == _LOCKED:
            yield (
                f"writer {place} commits {writes[place]}",
                state._replace(
                    primary=writes[place],
                    entries=state.entries | {(version, False)},
                    writers=put(state.writers, place, (_DONE, 0)),
                ),
            )


def _marker(state: State) -> Iterator[tuple[str, State]]:
    if state.markers:
        new = state.sequence + 1
        yield (
            f"mark, version {new}",
            state._replace(sequence=new, entries=state.entries | {(new, True)}, markers=state.markers - 1),
        )


def _backfill(state: State, protocol: Protocol) -> Iterator[tuple[str, State]]:
    if state.backfill is None:
        yield f"backfill reads {state.primary}", state._replace(backfill=state.primary)
    elif state.backfill >= 0:
        value = state.backfill
        done = state._replace(backfill=-1)
        if value == 0:
            yield "backfill has nothing", done
        elif protocol.backfill == "guarded":
            yield f"backfill applies {value}", _landed(done, 1, value, protocol)
        elif protocol.backfill == "if absent":
            yield f"backfill inserts {value} if absent", done._replace(secondary=state.secondary or value)
        else:
            yield f"backfill writes {value}", done._replace(secondary=value)


def _relay(state: State, relay: Relay, protocol: Protocol, zombies: int) -> Iterator[tuple[str, Relay, State]]:
    if relay.at == _IDLE and state.entries:
        if protocol.read == "before" and relay.version == 0:
            yield f"reads {state.primary}", relay._replace(version=-1, value=state.primary), state
        else:
            yield f"sees {_shown(state.entries)}", relay._replace(at=_SEEN, seen=state.entries), state
    if relay.at == _SEEN:
        yield _versioned(state, relay, protocol)
    if relay.at == _STEPPED:
        value = state.primary if protocol.read == "after" else relay.value
        yield f"reads {value}", relay._replace(at=_READ, value=value), state
    if relay.at == _READ and len(state.in_flight) < zombies:
        sent = tuple(sorted((*state.in_flight, (relay.version, relay.value))))
        yield f"sends {relay.value} at {relay.version}", relay._replace(at=_SENT), state._replace(in_flight=sent)
    if relay.at == _ANSWERED:
        left = state.entries - relay.seen if protocol.settle == "seen" else frozenset[tuple[int, bool]]()
        yield f"settles {_shown(relay.seen)}", Relay(), state._replace(entries=left)
    if relay.at != _IDLE and state.deaths:
        yield "dies", Relay(), state._replace(deaths=state.deaths - 1)


def _versioned(state: State, relay: Relay, protocol: Protocol) -> tuple[str, Relay, State]:
    """Take the version for what was seen; for marks alone that is a look at the ledger."""
    written = [version for version, mark in relay.seen if not mark or protocol.marks == "of the sequence"]
    version = max(written) * STEP if written else state.ledger + 1
    return f"takes version {version}", relay._replace(at=_STEPPED, version=version), state


def _landings(state: State, protocol: Protocol) -> Iterator[tuple[str, State]]:
    """An apply takes effect; the relay that sent it hears of it, or is dead, or will be."""
    for place, (version, value) in enumerate(state.in_flight):
        rest = state.in_flight[:place] + state.in_flight[place + 1 :]
        after = _landed(state, version, value, protocol)._replace(in_flight=rest)
        yield f"apply of {value} at {version} lands unheard", after
        for number, relay in enumerate(state.relays):
            if (relay.at, relay.version, relay.value) == (_SENT, version, value):
                relays = put(state.relays, number, relay._replace(at=_ANSWERED, version=0, value=0))
                yield f"apply of {value} at {version} lands", after._replace(relays=tuple(sorted(relays, key=_order)))


def _landed(state: State, version: int, value: int, protocol: Protocol) -> State:
    if protocol.guard and version <= state.ledger:
        return state
    return state._replace(secondary=value, ledger=max(version, state.ledger))


def _shown(entries: frozenset[tuple[int, bool]]) -> str:
    return ", ".join(f"{version}{' (mark)' if mark else ''}" for version, mark in sorted(entries))
