"""Repair: exactly the differing rows of the target made what the source has now, then everything compared again.

compare -> keys that differ -> rows of the source as they are now -> deletes counted -> written -> compare
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from datalayer.errors import TransferError, UnfitValueError, UnrepairedError
from datalayer.query import Delete, Row, Select, Upsert
from datalayer.stores.contract import Session, Store
from datalayer.stores.postgres.session import PostgresSession
from datalayer.stores.sqlite.by_value import ValueAsker
from datalayer.stores.sqlite.session import SqliteSession
from datalayer.stores.sqlite.transaction import SqliteTransaction
from datalayer.transfer.conversions import conversion
from datalayer.transfer.fitting import fit
from datalayer.transfer.limits import MisfitError
from datalayer.transfer.naming import key_text
from datalayer.transfer.ordering import dependency_groups
from datalayer.transfer.pairing import TablePair, pair_for_copy
from datalayer.transfer.readers.exactly import exact_session
from datalayer.transfer.readers.patience import select
from datalayer.transfer.reports import OnProgress, RepairedTable, RepairReport, VerifiedTable
from datalayer.transfer.unreadable import Unreadable
from datalayer.transfer.verifying.checks import Invariant
from datalayer.transfer.verifying.findings import Aligned, FoundKey, where_keys
from datalayer.transfer.verifying.plans import Key
from datalayer.transfer.verifying.run import Comparison, Options, compare
from datalayer.transfer.verifying.snapshots import PATIENCE
from datalayer.transfer.writers.constraints import checked_at_the_end, without_triggers
from datalayer.transfer.writers.sqlite_spellings import refuse_other_spellings
from datalayer.wording import agreed, counted

#: Rows read, and written, at a time.
_ROWS: Final = 200
#: Rows that a repair deletes without being told how many.
ALLOWED_DELETES: Final = 100


@dataclass(slots=True)
class _Plan:
    """What is to be done to one table: keys of the target to delete, keys of the source to write.

    Args:
        left: rows that both sides had when they were compared, and the source has no more: nothing is done to them.
    """

    pair: TablePair
    deletes: list[Key] = field(default_factory=list)
    upserts: list[Key] = field(default_factory=list)
    left: int = 0


async def repair(
    source: Store,
    target: Store,
    *,
    tables: Sequence[str] | None = None,
    limit: int = 10,
    jobs: int = 2,
    strong: bool = False,
    checks: bool = False,
    invariants: Sequence[Invariant] = (),
    allow_deletes: int = ALLOWED_DELETES,
    on_progress: OnProgress | None = None,
) -> RepairReport:
    """Compare, write and delete exactly the differing rows on the target, and compare again.

    On PostgreSQL and SQLite it is one transaction; on PostgreSQL triggers of the repaired tables do not fire in it.

    Args:
        allow_deletes: more rows than this are not deleted; then nothing is written at all.

    Raises:
        UnrepairedError: too many rows would be deleted, or too many differ; nothing was written.
        TransferError: a row does not fit, or an invariant cannot be asked; nothing was written.
    """
    options = Options(
        tables, limit, max(1, jobs), strong, invariants=invariants, on_progress=on_progress, keep_keys=True
    )
    found = await compare(source, target, options)
    async with exact_session(source, timeout=PATIENCE) as now:
        plans, notes = await _plans(now, found)
        _refuse_deletes(plans, allow_deletes)
        if plans:
            await _write(now, target, plans)
    done = tuple(RepairedTable(name, len(plan.upserts), len(plan.deletes)) for name, plan in sorted(plans.items()))
    again = Options(tables, limit, max(1, jobs), strong, checks=checks, invariants=invariants, on_progress=on_progress)
    after = (await compare(source, target, again)).report
    return RepairReport(found.report, after, done, tuple(notes))


def _refuse_deletes(plans: Mapping[str, _Plan], allowed: int) -> None:
    deletes = {name: len(plan.deletes) for name, plan in plans.items() if plan.deletes}
    if sum(deletes.values()) > allowed:
        told = ", ".join(f"{count:,} of {name}" for name, count in sorted(deletes.items()))
        raise UnrepairedError(
            f"nothing was repaired: it would delete {told}, more than the {allowed:,} allowed; look at these rows, then"
            f" allow so many (--allow-deletes {sum(deletes.values())})"
        )


async def _plans(source: Session, found: Comparison) -> tuple[dict[str, _Plan], list[str]]:
    plans: dict[str, _Plan] = {}
    notes: list[str] = []
    for table in found.report.tables:
        if table.equal:
            continue
        pair = found.pairs.get(table.table)
        obstacle = _obstacle(table, pair)
        if obstacle is not None or pair is None:
            notes.append(f"{table.table} was not repaired: {obstacle}")
            continue
        if found.keys[table.table]:
            plan = plans[table.table] = await _plan(source, pair, found.keys[table.table])
            if plan.left:
                notes.append(
                    f"{counted(plan.left, 'row')} of {table.table} differed and {agreed(plan.left, 'is', 'are')} no"
                    " longer in the source: left as they are; repair again to have what is extra deleted"
                )
    return plans, notes


def _obstacle(table: VerifiedTable, pair: TablePair | None) -> str | None:
    if pair is None:
        return "one side does not have it; run datalayer copy"
    if any(d.finding in {"missing column", "unlike types"} for d in table.differences):
        return "its columns differ; change the target's schema first"
    if not pair.key:
        return "it has no key that both sides share"
    if not all(not side.keys_known or side.has_key(pair.key) for side in (pair.source, pair.target)):
        return f"({', '.join(pair.key)}) is not unique on both sides"
    return None


async def _plan(source: Session, pair: TablePair, keys: Sequence[FoundKey]) -> _Plan:
    """Ask the source which of the keys it has now."""
    plan, aligned, turned = _Plan(pair), Aligned(pair), Aligned(pair, reverse=True)
    for batch in _batches(keys):
        _refuse_unreadable(pair, batch)
        asked = [(each, _key_in_source(pair, each)) for each in batch]
        there: dict[bytes, Key] = {}
        question = Select(pair.name, where_keys(pair.key, [k for _, k in asked if k is not None]), columns=pair.key)
        for row in await select(source, question, timeout=PATIENCE):
            key = tuple(row[name] for name in pair.key)
            there[aligned.identity(pair.key, key)] = key
        for each in batch:
            identity = (turned if each.in_target else aligned).identity(pair.key, each.key)
            if identity in there:
                plan.upserts.append(there[identity])
            elif each.in_target and each.target_key is not None:
                plan.deletes.append(each.target_key)
            elif each.target_key is not None:
                plan.left += 1
    return plan


def _refuse_unreadable(pair: TablePair, keys: Sequence[FoundKey]) -> None:
    """Refuse keys that are none of their columns' type, by which no store can be asked."""
    for found in keys:
        for name, value in zip(pair.key, found.key, strict=True):
            if type(value) is Unreadable:
                raise _unreadable(pair, name, dict(zip(pair.key, found.key, strict=True)), found.in_target)


def _unreadable(pair: TablePair, column: str, key: Row, in_target: bool = False) -> TransferError:
    return TransferError(
        f"nothing was repaired: {pair.name}.{column} cannot be read in the {'target' if in_target else 'source'}: what"
        f" is stored is not of the column's declared type, at {key_text(key)}; correct the stored value, then repair"
        " again",
        table=pair.name,
    )


async def _rows_now(source: Session, written: TablePair, names: tuple[str, ...], keys: Sequence[Key]) -> list[Row]:
    """Read rows by their keys; one of SQLite with a value that cannot be read is named."""
    question = Select(written.name, where_keys(names, keys), columns=written.column_names)
    if not isinstance(source, SqliteSession):
        return await select(source, question, timeout=PATIENCE)
    try:
        # What fails would spoil the snapshot.
        async with source.transaction() as nested:
            return await nested.select(question, timeout=PATIENCE)
    except UnfitValueError as error:
        if len(keys) == 1:
            column = ", ".join(error.columns)
            raise _unreadable(written, column, dict(zip(names, keys[0], strict=True))) from error
    return [row for key in keys for row in await _rows_now(source, written, names, [key])]


def _key_in_source(pair: TablePair, found: FoundKey) -> Key | None:
    """Return a key as the source would have it; None where it cannot have it."""
    if not found.in_target:
        return found.key
    key = []
    for name, value in zip(pair.key, found.key, strict=True):
        convert = conversion(pair.target.by_name[name].type.kind, pair.source.by_name[name].type.kind)
        try:
            key.append(value if convert is None else convert(value))
        except MisfitError:
            return None
    return tuple(key)


async def _write(source: Session, target: Store, plans: Mapping[str, _Plan]) -> None:
    """Delete from the children up, then write from the parents down."""
    groups = dependency_groups({name: plan.pair.target for name, plan in plans.items()})
    ordered = [table.name for group in groups for table in group]
    async with _transaction(target, ordered, plans) as session:
        for name in reversed(ordered):
            pair = plans[name].pair
            for batch in _batches(plans[name].deletes):
                await session.delete(Delete(name, where_keys(pair.key, batch)), timeout=PATIENCE)
        for name in ordered:
            pair = plans[name].pair
            written = pair_for_copy(pair.source, pair.target)
            for batch in _batches(plans[name].upserts):
                rows = [_fitted(written, pair, row) for row in await _rows_now(source, written, pair.key, batch)]
                if rows:
                    await session.upsert(Upsert(name, rows, pair.key, returning=False), timeout=PATIENCE)


@asynccontextmanager
async def _transaction(target: Store, names: Sequence[str], plans: Mapping[str, _Plan]) -> AsyncIterator[Session]:
    """Open what the repair is written in: over REST each batch stands alone."""
    if target.name == "supabase":
        yield target
        return
    async with target.transaction(timeout=PATIENCE) as session, AsyncExitStack() as stack:
        if isinstance(session, SqliteTransaction):
            session.ask_by_value(ValueAsker())
            for plan in plans.values():
                if plan.upserts:
                    await session.read(partial(refuse_other_spellings, pair=plan.pair, texts_only=True))
        if isinstance(session, PostgresSession):
            connection = await stack.enter_async_context(session.connection())
            await stack.enter_async_context(without_triggers(connection, names))
            await stack.enter_async_context(checked_at_the_end(connection, names))
        yield session


def _fitted(written: TablePair, pair: TablePair, row: Row) -> Row:
    fitted: dict[str, Any] = {}
    for column in written.columns:
        name = column.source.name
        try:
            fitted[name] = fit(column.source, column.target)(row[name])
        except MisfitError as misfit:
            at = key_text({part: row[part] for part in pair.key})
            raise TransferError(
                f"nothing was repaired: {pair.name}.{name} {misfit}, at {at}", table=pair.name
            ) from None
    return fitted


def _batches(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (values[start : start + _ROWS] for start in range(0, len(values), _ROWS))
