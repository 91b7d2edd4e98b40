"""What the reconciler is asked, what it read, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from datalayer.errors import DataLayerError, StoreError
from datalayer.outbox.companions import Named
from datalayer.outbox.entries import Change, Key


@dataclass(frozen=True, slots=True)
class Owed:
    """A key that is owed.

    Args:
        version: the highest version of the entries seen for it; None for marks alone.
        deletes_allowed: an operator let its delete through.
    """

    table: str
    key: Key
    version: int | None = None
    deletes_allowed: bool = False

    @property
    def named(self) -> Named:
        """Table and key."""
        return self.table, self.key


@dataclass(slots=True)
class Reading:
    """What keys are to become.

    Args:
        failed: keys whose table cannot be read, with the reason.
        strays: keys of tables that the secondary leads.
        allowed: keys whose delete an operator let through.
    """

    changes: list[Change] = field(default_factory=list)
    failed: dict[Named, str] = field(default_factory=dict)
    strays: set[Named] = field(default_factory=set)
    allowed: frozenset[Named] = frozenset()


@dataclass(slots=True)
class Outcome:
    """What became of keys; those that are nowhere in it were not tried.

    Args:
        applied: changes that were newer than what the secondary had.
        done: keys that are settled.
        outdated: those of them with which something was applied that is not from this reading: another was ahead.
        failed: keys that the secondary refused, with class, constraint and columns.
        waiting: keys with another apply in flight.
        held: deletes that the breaker keeps back.
        denied: keys whose rows the secondary does not accept from us, well as it is otherwise, with the reason: a right
            or a column is missing there.
        strays: keys of tables that the secondary leads.
        untrusted: keys that are absent for a reader that does not see everything.
        outage: why the rest was not tried.
    """

    applied: int = 0
    done: set[Named] = field(default_factory=set)
    outdated: set[Named] = field(default_factory=set)
    failed: dict[Named, str] = field(default_factory=dict)
    waiting: set[Named] = field(default_factory=set)
    held: set[Named] = field(default_factory=set)
    denied: dict[Named, str] = field(default_factory=dict)
    strays: set[Named] = field(default_factory=set)
    untrusted: set[Named] = field(default_factory=set)
    outage: DataLayerError | None = None

    @property
    def seen(self) -> set[Named]:
        """Keys of which something is known."""
        put_off = self.waiting | self.held | self.strays | self.untrusted
        return self.done | self.failed.keys() | self.denied.keys() | put_off

    def after(self, before: Outcome) -> Outcome:
        """Return what became of the keys of an outcome of which the outdated ones were tried again: this is how."""
        return replace(
            self,
            applied=before.applied + self.applied,
            done=(before.done - before.outdated) | self.done,
            failed=before.failed | self.failed,
            waiting=before.waiting | self.waiting,
            held=before.held | self.held,
            denied=before.denied | self.denied,
            strays=before.strays | self.strays,
            untrusted=before.untrusted | self.untrusted,
            outage=before.outage or self.outage,
        )


def blamed(error: DataLayerError) -> str:
    """Say what an error is about, without values."""
    if not isinstance(error, StoreError):
        return type(error).__name__
    about = [error.constraint or "", ", ".join(error.columns)]
    return ": ".join([type(error).__name__, *(part for part in about if part)])
