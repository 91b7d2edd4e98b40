"""Shadow reads of a layer: one shadow for each store that has primaries, one report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from datalayer.flags import StoreKind
from datalayer.layer.directions import Direction
from datalayer.outbox.entries import Key
from datalayer.routing.late_store import LateStore
from datalayer.routing.shadow import Shadow, ShadowedStore
from datalayer.routing.shadow_report import ShadowReport, ShadowTally
from datalayer.stores.contract import Store
from datalayer.telemetry import Observer

if TYPE_CHECKING:
    from datalayer.settings import Settings


class Shadows:
    """The shadows of one arrangement."""

    def __init__(self, settings: Settings, observers: Sequence[Observer]) -> None:
        self._share = settings.datalayer_shadow_reads
        self._timeout = settings.datalayer_timeout_seconds
        self._observers = observers
        self._tally = ShadowTally()
        self._shadows: list[Shadow] = []

    def cast(
        self, primaries: Mapping[StoreKind, Store], directions: Sequence[Direction], *, are_companies_divided: bool
    ) -> dict[StoreKind, Store]:
        """Return the primaries with a shadow each: the store at the other end of their direction."""
        shadowed: dict[StoreKind, Store] = {}
        for (kind, store), direction in zip(primaries.items(), directions, strict=True):
            shadow = Shadow(
                store,
                partial(_opened, direction.secondary),
                _OwedByEither(directions) if are_companies_divided else direction,
                timeout=self._timeout,
                observers=self._observers,
                tally=self._tally,
            )
            shadow.start()
            self._shadows.append(shadow)
            shadowed[kind] = ShadowedStore(store, shadow, self._share)
        return shadowed

    def report(self) -> ShadowReport:
        """Return what all of them found."""
        return self._tally.report()

    async def stop(self) -> None:
        """Give up what waits."""
        for shadow in self._shadows:
            await shadow.stop()


class _OwedByEither:
    """What is owed between two stores that both have companies: a row here does not say which one of them leads it."""

    def __init__(self, both: Sequence[Direction]) -> None:
        self._both = both

    async def owes(self, table: str, keys: Sequence[Key] | None) -> bool:
        """Whether either store has an entry for one of the keys, or for any row of the table."""
        return any([await direction.owes(table, keys) for direction in self._both])

    async def mark(self, table: str, keys: Sequence[Key]) -> None:
        """Only tell of the difference: the older row might be brought over the newer one."""


def _opened(secondary: LateStore) -> Store | None:
    return secondary.opened
