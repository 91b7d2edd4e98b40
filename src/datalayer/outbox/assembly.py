"""A relay from its parts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from datalayer.errors import ConfigurationError
from datalayer.outbox.breaker import DeleteBreaker
from datalayer.outbox.comparing import Stretch
from datalayer.outbox.contract import Applier
from datalayer.outbox.pace import Pace
from datalayer.outbox.queue import Outbox
from datalayer.outbox.reconcile import Reconciler
from datalayer.outbox.relay import Relay
from datalayer.outbox.rows import identity_of, sees_everything
from datalayer.outbox.sequence import check_sequence
from datalayer.outbox.sweep import Sweeper
from datalayer.stores.catalog import Table
from datalayer.stores.contract import Store
from datalayer.telemetry import RelayObserver


async def reconciler_between(
    primary: Store,
    secondary: Store,
    applier: Applier,
    outbox: Outbox,
    *,
    ledger: Store | None = None,
    trusted: Callable[[], Awaitable[bool]] | None = None,
    breaker: DeleteBreaker | None = None,
    leads: Callable[[str], bool] | None = None,
    led: Callable[[Table], Awaitable[Stretch | None]] | None = None,
    timeout: float | None = None,
) -> Reconciler:
    """Join what makes keys of the secondary equal to the primary's.

    Args:
        outbox: what is owed; its database's identity stands beside every version in the ledger.
        ledger: the store that has the ledger, unless it is the secondary.
        trusted: whether the primary shows us all of its rows; by default the canary row is looked for there.
        leads: whether the primary leads a table; every table unless given.
        led: which rows of a table; all unless given.
        timeout: seconds for one apply.

    Raises:
        ConfigurationError: bookkeeping is missing or hidden, or both stores are one database.
    """
    origin = await identity_of(outbox.store)
    ledger = ledger or secondary
    if ledger is not outbox.store and await identity_of(ledger) == origin:
        raise ConfigurationError("both stores are the same database: name two different ones")

    async def canary() -> bool:
        return await sees_everything(primary)

    return Reconciler(
        primary,
        secondary,
        applier,
        origin,
        ledger=ledger,
        breaker=breaker or DeleteBreaker(),
        sees_everything=trusted or canary,
        leads=leads or (lambda table: True),
        led=led or _everything,
        timeout=timeout,
    )


async def _everything(table: Table) -> Stretch:
    return Stretch()


def relay_over(
    reconciler: Reconciler,
    outbox: Outbox,
    *,
    pace: Pace | None = None,
    observers: Sequence[RelayObserver] = (),
    chores: Sequence[Callable[[], Awaitable[object]]] = (),
) -> Relay:
    """Build the relay that carries an outbox by a reconciler. Two relays must not share an :class:`Outbox`."""
    pace = pace or Pace()
    sweeper = Sweeper(reconciler, outbox, lease_seconds=pace.lease_seconds)
    between = (reconciler.primary.name, reconciler.secondary.name)

    async def check() -> None:
        await check_sequence(outbox.store, reconciler.ledger, reconciler.origin)

    return Relay(
        outbox, reconciler, sweeper, between=between, pace=pace, observers=observers, check=check, chores=chores
    )
