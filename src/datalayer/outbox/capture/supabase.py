"""Capture inside of Supabase: the same script over its direct address, closed to all but the service role."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from datalayer.errors import AccessDeniedError, SchemaError
from datalayer.outbox.capture import postgres
from datalayer.outbox.capture.status import CaptureStatus, Installed, status_from
from datalayer.outbox.scripts import read_script
from datalayer.outbox.service_key import check_service_key
from datalayer.stores.catalog import RELOAD_SCHEMA
from datalayer.stores.postgres import PostgresStore
from datalayer.stores.sql_names import literal, quote
from datalayer.stores.supabase import SupabaseStore

_SCRIPTS: Final = ("outbox/postgres.sql", "supabase/functions.sql", "supabase/access.sql")
_BEGIN: Final = "begin;\nset local search_path = public, pg_temp;\nset local lock_timeout = '10s';\n\n"
_FUNCTION: Final = re.compile(r"^create or replace function (\w+)", re.MULTILINE)
#: Tells PostgREST to read functions and tables again.
_END: Final = f"\n{RELOAD_SCHEMA};\ncommit;\n"

#: Arms all tables with a usable key, for who does not name them.
_ARM_ALL: Final = """
do $$
declare
    target regclass;
begin
    for target in
        select c.oid::regclass from pg_class c
        where c.relkind in ('r', 'p') and not c.relispartition and c.relnamespace = 'public'::regnamespace
            and c.relname not like 'datalayer\\_%' and c.relname <> 'schema_migrations'
        order by c.relname
    loop
        begin
            perform datalayer_arm(target);
        exception when feature_not_supported then
            raise notice '%', sqlerrm;
        end;
    end loop;
end
$$;
"""


async def install(
    store: PostgresStore,
    tables: Iterable[str] | None = None,
    *,
    lock_timeout: float = 10.0,
    settle_timeout: float = 30.0,
) -> Installed:
    """Install over the project's direct address; see :func:`datalayer.outbox.capture.postgres.install`."""
    return await postgres.install(
        store, tables, scripts=_SCRIPTS, lock_timeout=lock_timeout, settle_timeout=settle_timeout
    )


async def status(store: SupabaseStore) -> CaptureStatus:
    """Say what is installed, asked over HTTP with the service role's key."""
    return status_from(await _answer(store), await store.catalog(refresh=True))


async def is_installed(store: SupabaseStore) -> bool:
    """Whether the bookkeeping is there; PostgREST need not describe all its tables for that."""
    return status_from(await _answer(store), await store.catalog()).installed


async def _answer(store: SupabaseStore) -> Mapping[str, Any] | None:
    try:
        answer: Mapping[str, Any] = await store.call_function("datalayer_status", {}, writes=False)
    except SchemaError:
        return None
    except AccessDeniedError:
        check_service_key(store.key)
        raise
    return answer


def missing_functions(found: CaptureStatus) -> list[str]:
    """Name what the script makes for PostgREST and the project lacks: the outbox alone may be installed there."""
    return sorted(set(_FUNCTION.findall(read_script("supabase/functions.sql"))) - set(found.functions))


def script(tables: Iterable[str] | None = None) -> str:
    """Return the whole install as one script for Supabase's SQL editor; it may be run again at any time."""
    if tables is None:
        arming = _ARM_ALL
    else:
        arming = "".join(f"\nselect datalayer_arm({literal(quote(name))}::regclass);" for name in tables)
    return _BEGIN + "\n".join(read_script(name) for name in _SCRIPTS) + arming + _END


def uninstall_script() -> str:
    """Return the whole uninstall as one script for Supabase's SQL editor."""
    return _BEGIN + "\n".join(read_script(name) for name in postgres.UNINSTALL) + _END
