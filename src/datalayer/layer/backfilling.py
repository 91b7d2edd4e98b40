"""Backfill and resync of the pair that settings name: every row from the store that leads it."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from datalayer.errors import ConfigurationError, InvalidValueError
from datalayer.flags import StoreKind, resolve_mode
from datalayer.layer.leads import leader_of
from datalayer.layer.opening import open_store_for
from datalayer.layer.outboxes import by_primary, leads_over, open_outboxes
from datalayer.layer.pairs import are_companies_divided, open_links, registry_of
from datalayer.layer.process_registry import refuse_rivals
from datalayer.layer.resyncing import Outdone, note_leads, open_strays
from datalayer.outbox.backfill import Filled, OnFilled, backfill
from datalayer.outbox.entries import Key
from datalayer.outbox.keys import decode_key
from datalayer.outbox.queue import Outbox
from datalayer.outbox.sweep import ROWS, bounds
from datalayer.outbox.tables import followed
from datalayer.stores.contract import Store

if TYPE_CHECKING:
    from datalayer.settings import Settings

LOGGER = logging.getLogger("datalayer")


@dataclass(frozen=True, slots=True)
class Resynced:
    """What a resync left to the relay.

    Args:
        marked: tables.
        unanswered: writes to Supabase that may still take effect, and are owed until then.
        away: the store that follows, where what it owes could not be looked at, and was left.
    """

    marked: list[str]
    unanswered: int = 0
    away: StoreKind | None = None


async def backfill_pair(
    settings: Settings, *, tables: Sequence[str] | None = None, on_progress: OnFilled | None = None
) -> list[Filled]:
    """Fill the tables of each store from the one that leads them; where companies are in both, from both.

    Raises:
        ConfigurationError: as :func:`open_links`, applications have other primaries meanwhile, or another process
            fills a table.
        SelectionError: a named table is not there, or cannot be followed.
    """
    done: list[Filled] = []
    refusals: list[ConfigurationError] = []

    def give_way(error: ConfigurationError) -> None:
        if not refusals:
            LOGGER.error("no other table is begun: %s", error)
        refusals.append(error)

    def admitted() -> None:
        if refusals:
            raise refusals[0]

    async with open_links(settings, on_rivals=give_way) as links:
        for link in links:
            one, outbox = link.reconciler, link.outbox
            done += await backfill(one, outbox, tables=tables, on_progress=on_progress, admitted=admitted)
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
        ConfigurationError: an application is at work that has another primary.
        UnavailableError: PostgreSQL, which knows of those, or the primary is away.
    """
    mode, has_range = resolve_mode(settings), first is not None or last is not None
    is_whole = tables is None and not has_range
    async with open_outboxes(settings) as outboxes, open_strays(settings) as strays, _postgres(settings) as postgres:
        chosen = [table.name for table in followed(await outboxes[0].store.catalog(), tables)]
        if has_range and len(chosen) != 1:
            raise InvalidValueError("needs one table: name it with --tables", field="--from")
        primaries = by_primary(outboxes)
        leads = await leads_over(outboxes, settings, mode)
        refuse_rivals(await registry_of(postgres).rivals(leads), leads)
        if is_whole:
            await note_leads(registry_of(postgres), leads)
        outdone = [await Outdone.find([] if has_range else strays.outboxes, tables)]
        is_divided = await are_companies_divided(settings, mode, postgres)
        for kind, outbox in primaries.items():
            led = [name for name in chosen if leader_of(name, leads) is kind or (is_divided and name not in leads)]
            if not has_range:
                outdone.append(await Outdone.find([outbox], [name for name in chosen if name not in led]))
            present = (await outbox.store.catalog()).tables
            for name in led:
                if name in present:
                    await _mark(outbox, name, first, last)
        for one in outdone:
            await one.drop()
        unanswered = await outdone[0].empty_spool(settings) if is_whole else 0
        return Resynced(chosen, unanswered, None if has_range else strays.away)


@asynccontextmanager
async def _postgres(settings: Settings) -> AsyncIterator[Mapping[StoreKind, Store]]:
    store = await open_store_for(StoreKind.POSTGRES, settings, ())
    try:
        yield {StoreKind.POSTGRES: store}
    finally:
        await store.close()


async def _mark(outbox: Outbox, name: str, first: str | None, last: str | None) -> None:
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
    await outbox.mark_table(name, {"phase": ROWS, **bounds(table, start, end)})


def _as_array(text: str) -> str:
    """Read a key as it is typed: a number as itself, all else as text."""
    return f"[{text}]" if text.lstrip("-").isdigit() else json.dumps([text], ensure_ascii=False)
