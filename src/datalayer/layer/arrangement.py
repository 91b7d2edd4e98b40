"""What one set of settings opens: the primary, the store that follows, and what runs beside them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from datalayer.flags import Mode, StoreKind, resolve_mode
from datalayer.layer.opening import observers_for, open_store_for
from datalayer.layer.schema import check_schema
from datalayer.routing.late_store import LateStore
from datalayer.stores.contract import Store
from datalayer.telemetry import Observer

if TYPE_CHECKING:
    from datalayer.settings import Settings


@dataclass(frozen=True, slots=True)
class Arrangement:
    """The open stores of one mode.

    Args:
        store: what repositories ask.
        primary: the primary itself.
        secondary: the store that follows; None without dual-write.
    """

    mode: Mode
    settings: Settings
    store: Store
    primary: Store
    secondary: LateStore | None
    _opened: AsyncExitStack

    async def close(self) -> None:
        """Stop what runs, then close every store."""
        await self._opened.aclose()


async def arrange(settings: Settings, observers: Sequence[Observer]) -> Arrangement:
    """Open what the settings ask for, or nothing.

    Raises:
        ConfigurationError: settings or schema are not usable.
        UnavailableError: the primary cannot be reached; the secondary may be away.
    """
    mode = resolve_mode(settings)
    opener = partial(_open_checked, settings=settings, observers=(*observers_for(settings), *observers))
    opened = AsyncExitStack()
    try:
        primary = await opener(mode.primary)
        opened.push_async_callback(primary.close)
        secondary = None
        if mode.secondary is not None:
            secondary = LateStore(mode.secondary.value, partial(opener, mode.secondary))
            opened.push_async_callback(secondary.close)
            await secondary.try_now()
    except BaseException:
        await opened.aclose()
        raise
    return Arrangement(mode, settings, primary, primary, secondary, opened)


async def _open_checked(kind: StoreKind, *, settings: Settings, observers: Sequence[Observer]) -> Store:
    store = await open_store_for(kind, settings, observers)
    try:
        if settings.datalayer_check_schema:
            await check_schema(store)
    except BaseException:
        await store.close()
        raise
    return store
