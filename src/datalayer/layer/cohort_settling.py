"""Whether a company can be moved: nothing of it is owed either way, and both stores have as many rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from datalayer.layer.directions import Direction
from datalayer.outbox.entries import Entry
from datalayer.outbox.rows import read_rows
from datalayer.outbox.tables import is_bookkeeping
from datalayer.query import Count
from datalayer.routing.companies import COMPANY, company_of, of_companies
from datalayer.routing.holders import Holders
from datalayer.stores.contract import Store

#: With more entries than this a company is not looked for among them.
_ENTRIES: Final = 500


async def owes_company(direction: Direction, company: str) -> bool:
    """Whether an entry may be about this company; one whose row is gone tells nothing, so it may be."""
    if await direction.uncovered():
        return True
    entries = await direction.outbox.entries(limit=_ENTRIES)
    if len(entries) >= _ENTRIES:
        return True
    by_table: dict[str, list[Entry]] = {}
    for entry in entries:
        by_table.setdefault(entry.table, []).append(entry)
    return any([await _is_about(direction.primary, name, some, company) for name, some in by_table.items()])


async def differences(stores: tuple[Store, Store], company: str) -> Mapping[str, tuple[int, ...]]:
    """Return the tables of which the stores have different numbers of rows, with the numbers.

    Counted are this company's rows, and all that refer to some company's: when nothing about such a table is owed, the
    stores have as many of them.
    """
    main, other = stores
    holders, theirs = Holders(main, other), await other.catalog()
    found: dict[str, tuple[int, ...]] = {}
    for name, table in (await main.catalog()).tables.items():
        if is_bookkeeping(name):
            continue
        if COMPANY in table.by_name:
            question = Count(name, of_companies(table, {company}))
        elif name in theirs.tables and await holders.parent_of(table) is not None:
            question = Count(name)
        else:
            continue
        counts = tuple([await store.count(question) for store in stores])
        if len(set(counts)) > 1:
            found[name] = counts
    return found


async def _is_about(primary: Store, name: str, entries: Sequence[Entry], company: str) -> bool:
    table = (await primary.catalog()).tables.get(name)
    if table is None:
        return False
    if COMPANY not in table.by_name:
        # Whose it is stands in a row that it refers to; a table that refers to nothing is nobody's.
        return bool(table.foreign_keys)
    keys = {entry.key for entry in entries if entry.key is not None}
    if len(keys) < len({entry.key for entry in entries}):
        return True
    columns = tuple(dict.fromkeys((*table.primary_key, COMPANY)))
    rows = await read_rows(primary, table, list(keys), columns=columns)
    return len(rows) < len(keys) or any(company_of(row) == company for row in rows.values())
