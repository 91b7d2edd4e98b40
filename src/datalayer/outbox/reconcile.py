"""Reconcile: read the current rows of keys on the primary, make the secondary equal. Everything else says which keys.

Rows are read after their entries were seen, and applied only over what is older: so it may be done twice, late, by
several relays at once, or be cut off anywhere. A batch that is refused is halved until the key to blame stands alone,
which then is applied together with the rows that are in its way.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from typing import Final
from uuid import UUID

from datalayer.errors import (
    AccessDeniedError,
    ConfigurationError,
    DataLayerError,
    ForeignKeyViolationError,
    OutcomeUnknownError,
    SchemaError,
    StoreTimeoutError,
    TransactionConflictError,
    UnavailableError,
    UniqueViolationError,
    UnknownColumnError,
)
from datalayer.outbox.breaker import DeleteBreaker
from datalayer.outbox.companions import Companions, Named
from datalayer.outbox.comparing import Stretch
from datalayer.outbox.contract import Applier, KeysHeldError
from datalayer.outbox.current_schema import CurrentSchema
from datalayer.outbox.entries import Change, Key, ledger_version
from datalayer.outbox.outcome import Outcome, Owed, Reading, blamed
from datalayer.outbox.rows import ledger_versions, read_rows
from datalayer.stores.catalog import Catalog, Table
from datalayer.stores.contract import Store

#: Not the fault of any key: the secondary, or the way to it, is in trouble.
OUTAGES: Final = (UnavailableError, OutcomeUnknownError, ConfigurationError, TransactionConflictError)
#: Of one key alone they are its fault, if the secondary is well.
_DOUBTFUL: Final = (AccessDeniedError, StoreTimeoutError, OutcomeUnknownError)
_CONFLICT_ATTEMPTS: Final = 8
_CONFLICT_WAIT_SECONDS: Final = 0.02
#: How often rows that stand in the way are looked for, and how many there may be.
_ROUNDS: Final = 10
_GROUP: Final = 500


class Reconciler:
    """Makes a secondary equal to its primary, some keys at a time.

    Args:
        origin: identity of the database whose sequence the entries' versions come from.
        ledger: the store that has the ledger: the secondary, unless that is Supabase without the script.
        breaker: holds bursts of deletes.
        sees_everything: whether the primary shows all rows to us; asked whenever keys are absent there.
        leads: whether the primary leads a table: rows of no other are carried.
        led: which rows of a table are compared, once an entry about all of it waits; None for none.
        timeout: seconds for one apply.
    """

    def __init__(
        self,
        primary: Store,
        secondary: Store,
        applier: Applier,
        origin: UUID,
        *,
        ledger: Store,
        breaker: DeleteBreaker,
        sees_everything: Callable[[], Awaitable[bool]],
        leads: Callable[[str], bool],
        led: Callable[[Table], Awaitable[Stretch | None]],
        timeout: float | None = None,
    ) -> None:
        self.origin = origin
        self.breaker = breaker
        self.primary = primary
        self.secondary = secondary
        self._applier = applier
        self.ledger = ledger
        self.leads = leads
        self.led = led
        self._sees_everything = sees_everything
        self._timeout = timeout
        self._companions = Companions(primary, secondary)
        self._schema = CurrentSchema(primary)

    async def reconcile(self, owed: Sequence[Owed]) -> Outcome:
        """Read and apply."""
        return await self.apply(await self.read(owed))

    async def reconcile_keys(
        self, table: str, keys: Sequence[Key], *, versions: Sequence[int] | None = None
    ) -> Outcome:
        """Make keys equal: what another carrier of the outbox calls for each event.

        Args:
            versions: of the keys' entries, one for each key. Without them a key is read again while somebody else
                applies it meanwhile, since nothing tells whose reading is the newer one; what does not come to an end
                is left in the outcome's ``waiting``.
        """
        if versions is not None:
            latest: dict[Key, int] = {}
            for key, version in zip(keys, versions, strict=True):
                latest[key] = max(version, latest.get(key, version))
            return await self.reconcile([Owed(table, key, version) for key, version in latest.items()])
        outcome = await self.reconcile([Owed(table, key) for key in dict.fromkeys(keys)])
        for attempt in range(_CONFLICT_ATTEMPTS):
            if not outcome.outdated:
                return outcome
            await asyncio.sleep(_CONFLICT_WAIT_SECONDS * 2**attempt * random.random())  # noqa: S311 - no secret
            again = await self.reconcile([Owed(*named) for named in outcome.outdated])
            outcome = again.after(outcome)
        outcome.done -= outcome.outdated
        outcome.waiting |= outcome.outdated
        return outcome

    async def read(self, owed: Sequence[Owed]) -> Reading:
        """Read the keys' rows, in the order of the keys; at most one of each key may be given."""
        reading = Reading(allowed=frozenset(o.named for o in owed if o.deletes_allowed))
        changes: dict[Named, Change] = {}
        names = list(dict.fromkeys(o.table for o in owed))
        led = [name for name in names if self.leads(name)]
        catalog: Catalog | None = None
        for name in names:
            some = [o for o in owed if o.table == name]
            try:
                if name in led:
                    # Once for all of them: they are owed already.
                    if catalog is None:
                        catalog = await self._schema.catalog(led)
                    changes |= {_named(c): c for c in await self._read_table(catalog, name, some)}
                reading.strays |= {o.named for o in some} - changes.keys()
            except SchemaError as error:
                reading.failed |= {o.named: blamed(error) for o in some}
        reading.changes = [changes[o.named] for o in owed if o.named in changes]
        return reading

    async def _read_table(self, catalog: Catalog, name: str, owed: Sequence[Owed]) -> list[Change]:
        """Read rows of a table that the primary leads."""
        table = catalog.table(name, store=self.primary.name, operation="reconcile")
        marked = [o.key for o in owed if o.version is None]
        # Before the rows: a version seen later would stand for a state that was not read.
        steps = await ledger_versions(self.ledger, self.origin, table, marked) if marked else {}
        rows = await read_rows(self.primary, table, [o.key for o in owed])
        return [
            Change(name, o.key, steps[o.key] + 1 if o.version is None else ledger_version(o.version), rows.get(o.key))
            for o in owed
        ]

    async def apply(self, reading: Reading) -> Outcome:
        """Apply what was read; never raises for what the secondary does."""
        outcome = Outcome(failed=dict(reading.failed), strays=set(reading.strays))
        try:
            await self._apply(await self._without_doubtful(reading.changes, reading.allowed, outcome), outcome)
        except DataLayerError as error:
            outcome.outage = error
        return outcome

    async def _without_doubtful(
        self, changes: Sequence[Change], allowed: Collection[Named], outcome: Outcome
    ) -> list[Change]:
        """Leave out deletes that may be none."""
        absent = [c for c in changes if c.row is None]
        if not absent:
            return list(changes)
        if not await self._sees_everything():
            outcome.untrusted |= {_named(c) for c in absent}
            return [c for c in changes if c.row is not None]
        for table in dict.fromkeys(c.table for c in absent):
            asking = {_named(c) for c in absent if c.table == table} - set(allowed)
            if not self.breaker.admits(table, [key for _, key in asking]):
                outcome.held |= asking
        return [c for c in changes if _named(c) not in outcome.held]

    async def _apply(self, changes: Sequence[Change], outcome: Outcome) -> None:
        changes = _without_lacking(changes, outcome)
        if not changes:
            return
        try:
            applied = await self._applied(changes)
            outcome.applied += applied
            outcome.done |= {_named(c) for c in changes}
            if applied < len(changes):
                outcome.outdated |= {_named(c) for c in changes}
        except KeysHeldError as error:
            held = set(error.held) & {_named(c) for c in changes}
            if not held:
                raise
            outcome.waiting |= held
            await self._apply([c for c in changes if _named(c) not in held], outcome)
        except DataLayerError as error:
            alone = len(changes) == 1
            if alone and isinstance(error, _DOUBTFUL):
                if not (await self.secondary.health()).healthy:
                    raise
                self._blame(changes[0], error, outcome)
            elif isinstance(error, OUTAGES):
                raise
            elif alone:
                await self._apply_with_companions(changes[0], error, outcome)
            else:
                await self._apply(changes[: len(changes) // 2], outcome)
                await self._apply(changes[len(changes) // 2 :], outcome)

    def _blame(self, change: Change, error: DataLayerError, outcome: Outcome) -> None:
        if isinstance(error, AccessDeniedError) or _lacks_a_column(change, error):
            outcome.denied[_named(change)] = blamed(error)
        else:
            outcome.failed[_named(change)] = blamed(error)

    async def _applied(self, changes: Sequence[Change]) -> int:
        for attempt in range(_CONFLICT_ATTEMPTS):
            try:
                return await self._applier.apply(self.origin, changes, timeout=self._timeout)
            except TransactionConflictError:
                if attempt == _CONFLICT_ATTEMPTS - 1:
                    raise
            await asyncio.sleep(_CONFLICT_WAIT_SECONDS * 2**attempt * random.random())  # noqa: S311 - no secret
        raise AssertionError("the last attempt returns or raises")

    async def _apply_with_companions(self, change: Change, error: DataLayerError, outcome: Outcome) -> None:
        """Apply a change that was refused alone, together with whatever is in its way."""
        group = {_named(change): change}
        for _ in range(_ROUNDS):
            added = await self._in_the_way(group.values(), error)
            if added and not await self._admitted(added):
                outcome.held.add(_named(change))
                return
            # Whoever has to make room goes first.
            group = {**{_named(c): c for c in added}, **group}
            if not added or len(group) > _GROUP:
                break
            try:
                applied = await self._applied(list(group.values()))
                outcome.applied += applied
            except KeysHeldError:
                outcome.waiting.add(_named(change))
                return
            except OUTAGES:
                raise
            except DataLayerError as again:
                error = again
            else:
                outcome.done.add(_named(change))
                if applied < len(group):
                    outcome.outdated.add(_named(change))
                return
        self._blame(change, error, outcome)

    async def _in_the_way(self, group: Iterable[Change], error: DataLayerError) -> list[Change]:
        """Return changes for the rows that the group lacks, in the state that the primary has them."""
        known = {_named(c) for c in group}
        found: list[Named] = []
        for change in list(group):
            if isinstance(error, UniqueViolationError):
                found += await self._companions.holders(change)
            if isinstance(error, ForeignKeyViolationError):
                found += await self._companions.parents(change)
                found += await self._companions.children(change)
        wanted = [Owed(*named) for named in dict.fromkeys(found) if named not in known]
        return (await self.read(wanted)).changes

    async def _admitted(self, added: Sequence[Change]) -> bool:
        outcome = Outcome()
        return len(await self._without_doubtful(added, (), outcome)) == len(added)


def _named(change: Change) -> Named:
    return change.table, change.key


def _lacks_a_column(change: Change, error: DataLayerError) -> bool:
    """Whether the store that follows lacks a column of the primary's, which all rows of the table have."""
    if not isinstance(error, UnknownColumnError) or change.row is None:
        return False
    return bool(error.columns) and set(error.columns) <= change.row.keys()


def _without_lacking(changes: Sequence[Change], outcome: Outcome) -> Sequence[Change]:
    """Set aside the rows of tables that were found to lack a column: each would have to be found out again."""
    name = UnknownColumnError.__name__
    reasons = {table: reason for (table, _), reason in outcome.denied.items() if reason.startswith(name)}
    lacking = [c for c in changes if c.table in reasons and c.row is not None]
    if not lacking:
        return changes
    outcome.denied |= {_named(c): reasons[c.table] for c in lacking}
    return [c for c in changes if c.table not in reasons or c.row is None]
