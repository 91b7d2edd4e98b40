"""Backfill and resync of the pair that settings name: every row from the store that leads it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from datalayer.errors import ConfigurationError, InvalidValueError
from datalayer.flags import Mode, StoreKind, resolve_mode
from datalayer.layer.cohort_registry import CohortRegistry
from datalayer.layer.leads import leader_of, leads_of, routes_of
from datalayer.layer.pairs import open_links, open_outboxes, postgres_among, primary_of
from datalayer.layer.process_registry import ProcessRegistry
from datalayer.layer.resyncing import Outdone, let_leader_win, open_strays
from datalayer.outbox.backfill import Filled, OnFilled, backfill
from datalayer.outbox.entries import Entry, Key
from datalayer.outbox.keys import decode_key
from datalayer.outbox.queue import Outbox
from datalayer.outbox.sweep import ROWS, bounds
from datalayer.outbox.tables import followed
from datalayer.stores.postgres import PostgresStore

if TYPE_CHECKING:
    from datalayer.settings import Settings


@dataclass(frozen=True, slots=True)
class Resynced:
    """What a resync left to the relay.

    Args:
        marked: tables.
        unanswered: writes to Supabase that may still take effect, and are owed until then.
    """

    marked: list[str]
    unanswered: int = 0


async def backfill_pair(
    settings: Settings, *, tables: Sequence[str] | None = None, on_progress: OnFilled | None = None
) -> list[Filled]:
    """Fill the tables of each store from the one that leads them.

    Raises:
        ConfigurationError: as :func:`open_links`; another process fills a table, or companies are in the other store.
        SelectionError: a named table is not there, or cannot be followed.
    """
    mode = resolve_mode(settings)
    done: list[Filled] = []
    async with open_links(settings) as links:
        stores = {StoreKind(link.reconciler.primary.name): link.reconciler.primary for link in links}
        stores |= {StoreKind(link.reconciler.secondary.name): link.reconciler.secondary for link in links}
        postgres = postgres_among(stores.values())
        await _check_undivided(postgres, mode)
        for link in links if settings.datalayer_routes else links[:1]:

            async def claimed(entry: Entry, outbox: Outbox = link.outbox) -> None:
                await _check_undivided(postgres, mode, given_back=(outbox, [entry.version]))

            done += await backfill(
                link.reconciler, link.outbox, tables=tables, claimed=claimed, on_progress=on_progress
            )
    return done


async def resync_pair(
    settings: Settings, *, tables: Sequence[str] | None = None, first: str | None = None, last: str | None = None
) -> Resynced:
    """Leave it to the relay to compare tables; drop what is owed by a store that does not lead them.

    Args:
        first: the first key of a range, as it is typed.
        last: the last one.

    Raises:
        InvalidValueError: the range fits no table.
        SelectionError: a named table is not there, or cannot be followed.
        ConfigurationError: an application is at work with another primary, or companies are in the other store.
    """
    mode, has_range = resolve_mode(settings), first is not None or last is not None
    async with open_outboxes(settings) as outboxes, open_strays(settings) as strays:
        chosen = [table.name for table in followed(await outboxes[0].store.catalog(), tables)]
        if has_range and len(chosen) != 1:
            raise InvalidValueError("needs one table: name it with --tables", field="--from")
        primaries: dict[StoreKind, Outbox] = {}
        for outbox in outboxes:
            primaries.setdefault(StoreKind(primary_of(outbox)), outbox)
        leads = leads_of(mode, await routes_of(settings, mode, {kind: one.store for kind, one in primaries.items()}))
        postgres = postgres_among(one.store for one in (*outboxes, *strays))
        await _check_undivided(postgres, mode)
        if postgres is not None:
            await let_leader_win(ProcessRegistry(postgres), leads, recorded=tables is None)
        outdone = [] if has_range else [await Outdone.find(strays, tables)]
        for kind, outbox in primaries.items():
            led = [name for name in chosen if leader_of(name, leads) is kind]
            if not has_range and settings.datalayer_routes:
                outdone.append(await Outdone.find([outbox], [name for name in chosen if name not in led]))
            marks = [await _mark(outbox, name, first, last) for name in led]
            await _check_undivided(postgres, mode, given_back=(outbox, marks))
        for one in outdone:
            await one.drop()
        return Resynced(chosen, await outdone[0].empty_spool(settings) if tables is None else 0)


async def _check_undivided(
    postgres: PostgresStore | None, mode: Mode, *, given_back: tuple[Outbox, Sequence[int]] | None = None
) -> None:
    """Refuse while companies are in the other store: rows that the main primary got late would come over theirs.

    While an entry about the whole table waits no company can move. So this is asked once more when that is there: a
    move which did not see it begins anew.

    Args:
        given_back: that entry, settled where this refuses.
    """
    placements = await CohortRegistry(postgres).begin_anew() if postgres is not None else []
    elsewhere = sorted(one.company for one in placements if one.store != mode.primary.value)
    if not elsewhere:
        return
    if given_back is not None:
        outbox, versions = given_back
        await outbox.settle(versions)
    raise ConfigurationError(
        f"companies of a cohort ({', '.join(elsewhere[:10])}) are in the other store, where their rows may be newer:"
        " take the cohort out of the settings, wait until `layer.cohort` is empty, and run this again",
        variables=("DATALAYER_COHORT_COMPANIES", "DATALAYER_COHORT_PHONES", "DATALAYER_COHORT_SHARE", "TEST_PHONE"),
    )


async def _mark(outbox: Outbox, name: str, first: str | None, last: str | None) -> int:
    table = (await outbox.store.catalog()).table(name, store=outbox.store.name, operation="resync")

    def key(text: str | None, option: str) -> Key | None:
        try:
            return None if text is None else decode_key(table, _as_array(text))
        except ValueError:
            raise InvalidValueError(f"is no key of {name}", field=option) from None

    if len(table.primary_key) != 1 and (first is not None or last is not None):
        raise InvalidValueError(f"{name} has a key of several columns; resync all of it", field="--from")
    start, end = key(first, "--from"), key(last, "--to")
    if start and end and isinstance(start[0], int) and isinstance(end[0], int) and start > end:
        raise InvalidValueError("is behind --to: no key lies between", field="--from")
    return await outbox.mark_table(name, {"phase": ROWS, **bounds(table, start, end)})


def _as_array(text: str) -> str:
    """Read a key as it is typed: a number as itself, all else as text."""
    return f"[{text}]" if text.lstrip("-").isdigit() else json.dumps([text], ensure_ascii=False)
