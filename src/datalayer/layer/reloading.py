"""From one arrangement to another while the layer is used: what may change, and what has to be settled first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

from datalayer.errors import ConfigurationError
from datalayer.flags import StoreKind
from datalayer.layer.arrangement import Arrangement
from datalayer.layer.leads import LEADING_VARIABLES
from datalayer.wording import counted

if TYPE_CHECKING:
    from datalayer.settings import Settings

#: What says which database a store is; a password may change, the place may not.
_PLACES: Final[Mapping[StoreKind, tuple[str, ...]]] = {
    StoreKind.POSTGRES: ("DATABASE_URL", "POSTGRES_HOST", "POSTGRES_PORT", "POSTGRES_DATABASE"),
    StoreKind.SUPABASE: ("SUPABASE_URL",),
    StoreKind.SQLITE: ("DATALAYER_SQLITE_PATH",),
}


def check_places(old: Settings, new: Settings, kinds: Iterable[StoreKind | None]) -> None:
    """Refuse another database under the same name: its rows are not those that callers have seen.

    Raises:
        ConfigurationError: names the variables of the store that has moved.
    """
    for kind in kinds:
        if kind is not None and _place(old, kind) != _place(new, kind):
            variables = _PLACES[kind]
            raise ConfigurationError(
                f"{variables[0]} names another database than before: restart the application for that",
                variables=variables,
            )


def moved_tables(old: Arrangement, new: Arrangement) -> tuple[str, ...]:
    """Return the tables whose primary changes; ``*`` stands for all that have no route."""
    moved = ("*",) if old.mode.primary is not new.mode.primary else ()
    named = sorted(
        table
        for table in old.routes.keys() | new.routes.keys()
        if old.routes.get(table, old.mode.primary) is not new.routes.get(table, new.mode.primary)
    )
    return (*moved, *named)


def check_move(old: Arrangement, new: Arrangement) -> None:
    """Refuse to move a primary to a store that has not followed the old one.

    Raises:
        ConfigurationError: says what to do first.
    """
    stores = {old.mode.primary, old.mode.secondary}
    if old.mode.secondary is None or not {new.mode.primary, *new.routes.values()} <= stores:
        raise ConfigurationError(
            f"the primary would change from {old.mode.primary.value} to {new.mode.primary.value}, which has not"
            " followed it: set ENABLE_DUAL_WRITE=true first, run `datalayer backfill` and `datalayer verify`, then"
            " change it",
            variables=("ENABLE_DUAL_WRITE", "USE_LEGACY_SUPABASE", "USE_REPOSITORY_PATTERN"),
        )


async def check_untouched(old: Arrangement, new: Arrangement) -> None:
    """Refuse a new primary that was written while it followed: its relay would carry that over the old primary's rows.

    Raises:
        ConfigurationError: says how many entries there are, and what to do.
    """
    for direction in new.directions:
        if direction.primary.name in old.primaries:
            continue
        left = (await direction.left()).entries
        if left:
            raise ConfigurationError(
                f"{direction.primary.name} owes {counted(left, 'change')} made while it followed (`datalayer outbox"
                " status` with the new settings shows them). Has another process made this change before? Then restart"
                " this one; else run `datalayer backfill --resync` with the settings of now, and change the primary"
                " then",
                variables=LEADING_VARIABLES,
            )


def _place(settings: Settings, kind: StoreKind) -> object:
    if kind is StoreKind.SQLITE:
        return settings.datalayer_sqlite_path
    if kind is StoreKind.SUPABASE:
        return settings.supabase_url
    dsn = settings.postgres_dsn()
    if dsn is None:
        return None
    from psycopg.conninfo import conninfo_to_dict

    parts = conninfo_to_dict(dsn.get_secret_value())
    return tuple(parts.get(name) for name in ("host", "port", "dbname"))
