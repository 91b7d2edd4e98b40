"""What lies between a primary and the store that follows: where entries are, who applies them, who has the ledger."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from datalayer.errors import ConfigurationError
from datalayer.outbox.applying.pinned import PinnedApplier
from datalayer.outbox.applying.server import server_applier
from datalayer.outbox.checks import check_armed, check_bookkeeping, check_dual_write
from datalayer.outbox.contract import Applier
from datalayer.outbox.pinning import Pins
from datalayer.outbox.queue import Outbox
from datalayer.outbox.tables import MARKS, followed
from datalayer.stores.catalog import RELOAD_SCHEMA
from datalayer.stores.contract import Store

if TYPE_CHECKING:
    from datalayer.settings import Settings

#: A batch of pinned keys is several requests, and has so many times the timeout of one.
_BUDGET_TIMEOUTS: Final = 6


@dataclass(frozen=True, slots=True)
class Parts:
    """What a relay between two stores is made of.

    Args:
        ledger: the store that has the ledger.
        trusted: whether the primary shows us all of its rows; None to look for the canary row there.
    """

    outbox: Outbox
    applier: Applier
    ledger: Store
    trusted: Callable[[], Awaitable[bool]] | None = None


async def has_script(store: Store) -> bool:
    """Whether Supabase has the script, so that it captures and applies by itself."""
    if store.name != "supabase":
        return False
    from datalayer.outbox.capture import supabase
    from datalayer.stores.supabase import SupabaseStore

    return isinstance(store, SupabaseStore) and await supabase.is_installed(store)


async def captures_itself(primary: Store, settings: Settings) -> bool:
    """Whether a primary writes its own entries; Supabase does where the script is installed.

    Raises:
        ConfigurationError: DATALAYER_CAPTURE=triggers and there are none.
    """
    if primary.name != "supabase":
        return True
    if settings.datalayer_capture == "requests":
        return False
    installed = await has_script(primary)
    if settings.datalayer_capture == "triggers" and not installed:
        raise ConfigurationError(
            "DATALAYER_CAPTURE=triggers and Supabase has none: run `datalayer supabase install`, or set"
            " DATALAYER_CAPTURE=requests. Where it was run, PostgREST has not read the schema since: run there"
            f" {RELOAD_SCHEMA}",
            variables=("DATALAYER_CAPTURE",),
        )
    return installed


async def check_join(primary: Store, secondary: Store | None, settings: Settings, *, by_triggers: bool) -> None:
    """Find out at start what would stop the relay, or make it lose something.

    Args:
        secondary: None while it is away: then the primary alone is looked at.
        by_triggers: whether the primary captures by itself.

    Raises:
        ConfigurationError: says what to run or to change.
        AccessDeniedError: a key from which row security hides rows.
    """
    if secondary is None:
        if by_triggers:
            await check_bookkeeping(primary)
            await check_armed(primary, followed(await primary.catalog()))
        return
    key = settings.supabase_api_key() if "supabase" in (primary.name, secondary.name) else None
    await check_dual_write(
        primary,
        secondary,
        left_out=settings.datalayer_unfollowed_tables,
        key=None if key is None else key.get_secret_value(),
        primary_script=by_triggers,
        secondary_script=secondary.name != "supabase" or await has_script(secondary),
    )


async def parts_between(primary: Store, secondary: Store, settings: Settings) -> Parts:
    """Choose what fits both stores."""
    if secondary.name != "supabase":
        applier = server_applier(secondary)
        if await captures_itself(primary, settings):
            return Parts(Outbox(primary), applier, secondary)
        return Parts(Outbox(secondary, MARKS), applier, secondary, _trusted)
    if await has_script(secondary):
        from datalayer.outbox.applying.functions import FunctionApplier
        from datalayer.stores.supabase import SupabaseStore

        if isinstance(secondary, SupabaseStore):
            return Parts(Outbox(primary), FunctionApplier(secondary), secondary)
    return Parts(Outbox(primary), _pinned(primary, secondary, settings), primary)


def _pinned(primary: Store, secondary: Store, settings: Settings) -> Applier:
    from datalayer.stores.postgres import PostgresStore

    if not isinstance(primary, PostgresStore):
        raise ConfigurationError("Supabase follows PostgreSQL alone", variables=("DATABASE_URL",))
    lifetime = settings.datalayer_request_lifetime_seconds
    pins = Pins(
        primary, lifetime_seconds=lifetime, budget_seconds=settings.datalayer_timeout_seconds * _BUDGET_TIMEOUTS
    )
    return PinnedApplier(primary, secondary, pins)


async def _trusted() -> bool:
    """Answer for a Supabase without a canary row: its key was looked at when the layer opened."""
    return True
