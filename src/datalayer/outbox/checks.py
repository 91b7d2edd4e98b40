"""What must hold before a second store follows the first; each failure has a message of its own."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from uuid import UUID

from datalayer.errors import AccessDeniedError, ConfigurationError
from datalayer.outbox.capture.installed import status_of
from datalayer.outbox.service_key import check_service_key
from datalayer.outbox.tables import CONTROL, LEDGER, OUTBOX, SCRIPT, followed, is_bookkeeping, unusable
from datalayer.query import Select
from datalayer.stores.catalog import RELOAD_SCHEMA, Catalog, Table
from datalayer.stores.contract import Store


async def check_dual_write(
    primary: Store,
    secondary: Store,
    tables: Iterable[str] | None = None,
    *,
    left_out: Iterable[str] = (),
    key: str | None = None,
    primary_script: bool = True,
    secondary_script: bool = True,
) -> list[Table]:
    """Raise unless the secondary can follow the primary; return the tables that are followed.

    Args:
        tables: names; None for all of the primary's.
        left_out: tables that are not followed, on purpose.
        key: Supabase's, where one of the two is Supabase.
        primary_script: False for a Supabase primary without the script, whose calls are captured instead.
        secondary_script: False for a Supabase secondary without the script.

    Raises:
        SelectionError: a table that is named is not there, or cannot be followed.
        ConfigurationError: a table cannot be followed or is missing there, bookkeeping is missing or outdated, a table
            has no triggers, or both stores are one database.
        AccessDeniedError: the key or user does not see all rows: hidden rows would be taken for deleted ones.
    """
    if key is not None:
        check_service_key(key, must_tell=not primary_script)
    catalogs = await primary.catalog(refresh=True), await secondary.catalog(refresh=True)
    chosen = check_tables(*catalogs, tables, left_out=left_out)
    identities = [
        await check_bookkeeping(store) if required or CONTROL in catalog.tables else None
        for store, catalog, required in zip(
            (primary, secondary), catalogs, (primary_script, secondary_script), strict=True
        )
    ]
    _refuse_same(*identities)
    if primary_script:
        await check_armed(primary, chosen)
    return chosen


def check_tables(
    primary: Catalog, secondary: Catalog, tables: Iterable[str] | None = None, *, left_out: Iterable[str] = ()
) -> list[Table]:
    """Return the tables to follow.

    Raises:
        SelectionError: a table that is named is not there, or cannot be followed.
        ConfigurationError: a table has no usable key, or is not alike there.
    """
    ignored = set(left_out)
    if unknown := sorted(ignored - primary.tables.keys() - secondary.tables.keys()):
        raise ConfigurationError(
            f"DATALAYER_UNFOLLOWED_TABLES names {', '.join(unknown)}, and neither store has such a table",
            variables=("DATALAYER_UNFOLLOWED_TABLES",),
        )
    chosen = followed(primary, _all_but(primary, ignored) if tables is None else list(tables))
    for table in chosen:
        other = secondary.tables.get(table.name)
        if other is None:
            raise ConfigurationError(
                f"the store that follows has no table {table.name}; create it there (datalayer migrate up for the"
                " salon's own), or leave it out"
            )
        if other.primary_key != table.primary_key:
            raise ConfigurationError(
                f"the primary key of {table.name} is ({', '.join(table.primary_key)}) in one store and"
                f" ({', '.join(other.primary_key)}) in the other; make them equal, in this order"
            )
    return chosen


def _all_but(primary: Catalog, ignored: Collection[str]) -> list[str]:
    """Name the user's tables that are not ignored; each of them has to be one that can be followed."""
    named = [name for name in sorted(primary.tables) if not is_bookkeeping(name) and name not in ignored]
    for name in named:
        if (reason := unusable(primary.tables[name])) is not None:
            raise ConfigurationError(
                f"the table {name} cannot be written to two stores: {reason} (DATALAYER_UNFOLLOWED_TABLES={name})",
                variables=("DATALAYER_UNFOLLOWED_TABLES",),
            )
    return named


async def check_distinct(one: Store, other: Store) -> None:
    """Raise ConfigurationError where both stores are known to be one database."""
    identities = [
        await _identity(store) if CONTROL in (await store.catalog()).tables else None for store in (one, other)
    ]
    _refuse_same(*identities)


def _refuse_same(one: UUID | None, other: UUID | None) -> None:
    if one is not None and one == other:
        raise ConfigurationError(
            "both stores are the same database; name two different ones. If one is a restored copy of the other, give"
            f" it an identity of its own: update {CONTROL} set id = gen_random_uuid()",
            variables=("DATABASE_URL", "SUPABASE_URL"),
        )


async def _identity(store: Store) -> UUID | None:
    """Return which database it is; None where the row is not there for us."""
    rows = await store.select(Select(CONTROL, columns=("id",)))
    found: UUID | None = rows[0]["id"] if rows else None
    return found


async def check_bookkeeping(store: Store) -> UUID:
    """Return the identity of a store's database, or raise for bookkeeping that is missing, hidden or outdated."""
    catalog = await store.catalog()
    missing = [name for name in (CONTROL, OUTBOX, LEDGER) if name not in catalog.tables]
    if missing:
        stale = f"; where it was run, PostgREST has not read the schema since: run {RELOAD_SCHEMA}"
        raise ConfigurationError(
            f"{store.name} has no table {missing[0]}; run {_install_command(store)}"
            + (stale if store.name == "supabase" else "")
        )
    rows = await store.select(Select(CONTROL, columns=("id", "script")))
    if len(rows) != 1:
        raise AccessDeniedError(
            "row security hides rows, which would be taken for deleted ones",
            store=store.name,
            operation="check",
            table=CONTROL,
            sqlstate="42501",
            hint="use the service role's key in SUPABASE_SERVICE_ROLE_KEY, or a user with BYPASSRLS",
        )
    identity, script = rows[0]["id"], rows[0]["script"]
    if script != SCRIPT:
        what = f"run {_install_command(store)} again" if script < SCRIPT else "upgrade this package"
        raise ConfigurationError(
            f"{store.name} has version {script} of the outbox's script, and this package needs {SCRIPT}; {what}"
        )
    found: UUID = identity
    return found


async def check_armed(store: Store, tables: Iterable[Table]) -> None:
    """Raise ConfigurationError for a table whose changes would not be captured."""
    found = await status_of(store)
    loose = [table.name for table in tables if table.name not in found.armed]
    if loose:
        raise ConfigurationError(
            f"{store.name}: changes of {', '.join(loose)} are not captured; run {_arm_command(store)}, or leave the"
            " table out"
        )


def _install_command(store: Store) -> str:
    return "datalayer supabase install" if store.name == "supabase" else "datalayer outbox install"


def _arm_command(store: Store) -> str:
    """Name the command that arms a store's tables whichever store the settings take for the primary."""
    if store.name == "supabase":
        return _install_command(store)
    url = '"$DATABASE_URL"' if store.name == "postgres" else '"sqlite:///$DATALAYER_SQLITE_PATH"'
    return f"{_install_command(store)} --url {url}"
