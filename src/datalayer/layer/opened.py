"""A layer while it is open: the arrangement of the moment, and how another one takes its place."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final, TypeAlias

from datalayer.errors import ConfigurationError, DataLayerError
from datalayer.flags import Mode, resolve_mode
from datalayer.layer.arrangement import Arrangement, arrange
from datalayer.layer.fencing import can_fence, check_open, move_fenced, open_new_primaries
from datalayer.layer.leads import leads_of
from datalayer.layer.reloading import check_move, check_places, check_untouched, moved_tables
from datalayer.layer.sequences import advance_keys
from datalayer.layer.settling import settle
from datalayer.routing.switch_store import SwitchStore
from datalayer.telemetry import Observer

if TYPE_CHECKING:
    from datalayer.settings import Settings

LOGGER = logging.getLogger("datalayer")

SettingsSource: TypeAlias = "Callable[[], Awaitable[Settings]]"

#: Seconds that writes are held at most until nothing is owed, where a reload moves a primary.
_SETTLE_SECONDS: Final = 3.0


async def read_environment() -> Settings:
    """Return the settings of the environment."""
    from datalayer.settings import Settings as FromEnvironment

    return FromEnvironment()


class OpenedLayer:
    """Holds what a layer has open. Made by :meth:`open`."""

    def __init__(self, arrangement: Arrangement, source: SettingsSource, observers: Sequence[Observer]) -> None:
        self.arrangement = arrangement
        self.switch = SwitchStore(arrangement.store, self._written)
        self._source = source
        self._observers = observers
        self._turn = asyncio.Lock()
        #: Arrangements that wait for the end of their last calls.
        self._retiring: list[Arrangement] = []
        #: What closes those, and reloads that a signal asked for.
        self._tasks: set[asyncio.Task[None]] = set()
        self._on_signal = False

    @classmethod
    async def open(cls, settings: Settings, source: SettingsSource, observers: Sequence[Observer]) -> OpenedLayer:
        """Open what the settings ask for."""
        arrangement = await arrange(settings, observers)
        try:
            await check_open(arrangement)
            if arrangement.leading is not None:
                await arrangement.leading.enter()
            await _look_for_companies(arrangement)
        except BaseException:
            await arrangement.close()
            raise
        routes = "".join(f", {table} led by {kind.value}" for table, kind in arrangement.routes.items())
        LOGGER.info("mode %s%s", arrangement.mode, routes, extra={"mode": str(arrangement.mode)})
        arrangement.begin()
        return cls(arrangement, source, observers)

    async def reload(self, settings: Settings | None = None) -> Mode:
        """Go over to these settings, or to those of the source; see `DataLayer.reload`."""
        async with self._turn:
            old = self.arrangement
            try:
                await self._replace(settings or await self._source())
            except DataLayerError as error:
                LOGGER.error("reload refused, mode %s stays: %s", old.mode, error, extra={"mode": str(old.mode)})
                raise
            mode = self.arrangement.mode
            changed = _changes(old.settings, self.arrangement.settings)
            LOGGER.warning(
                "reloaded: mode %s, changed %s", mode, ", ".join(changed) or "nothing", extra={"mode": str(mode)}
            )
            return mode

    def reload_on_sighup(self) -> None:
        """Reload whenever SIGHUP comes.

        Raises:
            ConfigurationError: this platform or thread takes no signals.
        """
        try:
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._reload_soon)
        except (NotImplementedError, RuntimeError, ValueError, AttributeError):
            raise ConfigurationError(
                "SIGHUP cannot be heard here: open the layer in the main thread, on a system that has it, or call"
                " layer.reload()"
            ) from None
        self._on_signal = True

    async def close(self) -> None:
        """Stop listening, wait for what is under way, close every store."""
        if self._on_signal:
            asyncio.get_running_loop().remove_signal_handler(signal.SIGHUP)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for arrangement in (*self._retiring, self.arrangement):
            await arrangement.close()

    async def _replace(self, settings: Settings) -> None:
        old = self.arrangement
        mode = resolve_mode(settings)
        kinds = {mode.primary, mode.secondary, *settings.datalayer_routes.values()}
        check_places(old.settings, settings, kinds & old.primaries.keys())
        new = await arrange(settings, self._observers)
        try:
            await self._go_over(old, new)
        except BaseException:
            if self.arrangement is not new:
                await new.close()
            raise

    async def _go_over(self, old: Arrangement, new: Arrangement) -> None:
        if not moved_tables(old, new):
            if old.leading is None and new.leading is not None:
                await new.leading.enter()
            await check_untouched(old, new)
            await _look_for_companies(new)
            await open_new_primaries(old, new)
            self._switch(new)
            return
        check_move(old, new)
        await self._move(old, new)

    async def _move(self, old: Arrangement, new: Arrangement) -> None:
        leads = leads_of(new.mode, new.routes)

        async def settled() -> None:
            await settle(old.directions, _SETTLE_SECONDS)
            await check_untouched(old, new)
            for store in new.primaries.values():
                await advance_keys(store)

        async def noted() -> None:
            if old.leading is not None:
                await old.leading.record(leads)
            await _look_for_companies(new)

        async def settled_and_noted() -> None:
            await settled()
            await noted()

        is_fenced = await can_fence(old, new)
        if old.leading is not None and not is_fenced:
            await old.leading.refuse_rivals(leads)
        async with self.switch.writes_held():
            if is_fenced:
                await move_fenced(old, new, settled_and_noted, partial(self._switch, new))
                return
            if old.leading is not None:
                await old.leading.refuse_rivals(leads, patience=0)
            await settled()
            await open_new_primaries(old, new)
            await noted()
            self._switch(new)

    def _written(self) -> None:
        for direction in self.arrangement.directions:
            direction.wake()

    def _switch(self, new: Arrangement) -> None:
        old, self.arrangement = self.arrangement, new
        if old.leading is not None and new.leading is not None:
            new.leading.succeed(old.leading)
        new.begin()
        self._retiring.append(old)
        ended = self.switch.replace(new.store)

        async def retire() -> None:
            if new.directions and new.settings.datalayer_relay:
                # Calls of before may go on for long; the new relays carry what they leave, to where it belongs now.
                await asyncio.gather(*(direction.stop() for direction in old.directions))
            if old.leading is not None:
                await old.leading.stop()
            await ended()
            await old.close()
            self._retiring.remove(old)

        self._keep(asyncio.create_task(retire(), name="datalayer closes old stores"))

    def _reload_soon(self) -> None:
        async def reload() -> None:
            try:
                await self.reload()
            except DataLayerError:
                return

        self._keep(asyncio.create_task(reload(), name="datalayer reload"))

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _look_for_companies(arrangement: Arrangement) -> None:
    """See again where companies are, once the primaries of now are noted: another main one takes all of them."""
    if arrangement.cohorts is not None:
        await arrangement.cohorts.look()


def _changes(old: Settings, new: Settings) -> list[str]:
    """Return the variables whose values differ; never the values."""
    return [name.upper() for name in type(old).model_fields if getattr(old, name) != getattr(new, name, None)]
