"""The order of a comparison: snapshots, tables side by side, checks of the target, one report."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import perf_counter

from datalayer.query import Count
from datalayer.stores.catalog import Catalog, Table
from datalayer.stores.contract import Store
from datalayer.transfer.conversions import comparable
from datalayer.transfer.hidden_rows import hidden_rows
from datalayer.transfer.pairing import TablePair, pair_for_verify
from datalayer.transfer.readers.patience import count
from datalayer.transfer.reports import Check, Difference, OnProgress, VerifiedTable, VerifyReport
from datalayer.transfer.selection import check_named, refuse_no_tables, selected
from datalayer.transfer.verifying.canonical_plan import CanonicalPlans, canonical_plans
from datalayer.transfer.verifying.checks import Invariant, check_target, refuse_unanswerable
from datalayer.transfer.verifying.findings import Findings, FoundKey
from datalayer.transfer.verifying.inside import compare_inside
from datalayer.transfer.verifying.plans import NotAlikeError, Plan
from datalayer.transfer.verifying.progress import Meter
from datalayer.transfer.verifying.server import Servers, read_servers
from datalayer.transfer.verifying.snapshots import PATIENCE, Side, snapshot, together
from datalayer.transfer.verifying.state import TableState, VerifyState
from datalayer.transfer.verifying.streamed import find_streamed, streamed_sums


@dataclass(frozen=True, slots=True)
class Options:
    """How a comparison is done; see :func:`verify`."""

    tables: Sequence[str] | None = None
    limit: int = 10
    jobs: int = 2
    strong: bool = False
    checks: bool = False
    invariants: Sequence[Invariant] = ()
    state: VerifyState | None = None
    on_progress: OnProgress | None = None
    keep_keys: bool = False


@dataclass(frozen=True, slots=True)
class Comparison:
    """A report, and for a repair the keys of all differing rows by table."""

    report: VerifyReport
    pairs: dict[str, TablePair] = field(default_factory=dict)
    keys: dict[str, list[FoundKey]] = field(default_factory=dict)


async def verify(
    source: Store,
    target: Store,
    *,
    tables: Sequence[str] | None = None,
    limit: int = 10,
    jobs: int = 2,
    strong: bool = False,
    checks: bool = False,
    invariants: Sequence[Invariant] = (),
    state: VerifyState | None = None,
    on_progress: OnProgress | None = None,
) -> VerifyReport:
    """Compare tables of two stores; a table that only one of them has is a difference.

    Args:
        source: what should be there.
        target: what is there.
        tables: names; None for all but the stores' bookkeeping.
        limit: how many differences are named per table; all are counted.
        jobs: tables compared at a time; each takes one connection of either side.
        strong: hash rows to 128 bits also where two servers of one version could do it to 64, which is quicker.
        checks: also count rows of the target that break foreign keys, or are NULL where the source says NOT NULL.
        invariants: rules of the target in SQL.
        state: where equal tables are remembered, so that an interrupted comparison can go on.
        on_progress: hears of rows that were read; runs in the verifying task.

    Raises:
        TransferError: a table that was named is on neither side, or a row cannot be read.
    """
    options = Options(tables, limit, max(1, jobs), strong, checks, invariants, state, on_progress)
    return (await compare(source, target, options)).report


async def compare(source: Store, target: Store, options: Options) -> Comparison:
    """Compare two stores as :func:`verify` says."""
    refuse_unanswerable(target, options.invariants)
    started, moment = perf_counter(), datetime.now(UTC)
    left, right = await source.catalog(refresh=True), await target.catalog(refresh=True)
    check_named(options.tables, left, right)
    names = sorted(selected(left, options.tables) | selected(right, options.tables))
    refuse_no_tables(names, "compared", source, target)
    async with (
        snapshot(source, options.jobs, beside=target) as mine,
        snapshot(target, options.jobs, beside=source) as theirs,
    ):
        servers = await read_servers(mine, theirs, strong=options.strong)
        run = _Run(mine, theirs, servers, await canonical_plans(mine, theirs, strong=options.strong), options)
        verified = await run.tables(names, left, right)
        checked = [] if target.name == "sqlite" else await _checked(theirs, left, right, names, options)
    if target.name == "sqlite":
        # A snapshot of a database in memory keeps everybody else out.
        checked = await _checked(Side(target, [target]), left, right, names, options)
    report = VerifyReport(
        tuple(verified), (*hidden_rows(source, target), *run.notes), perf_counter() - started, tuple(checked), moment
    )
    if options.state is not None:
        options.state.remove()
    return Comparison(report, run.pairs, run.keys)


async def _checked(side: Side, left: Catalog, right: Catalog, names: Sequence[str], options: Options) -> list[Check]:
    present = [name for name in names if name in right.tables] if options.checks else []
    return await check_target(side, left, right, present, options.invariants)


class _Run:
    """One comparison at work."""

    def __init__(
        self, source: Side, target: Side, servers: Servers | None, canonical: CanonicalPlans, options: Options
    ) -> None:
        self.notes: list[str] = []
        self.pairs: dict[str, TablePair] = {}
        self.keys: dict[str, list[FoundKey]] = {}
        self._source = source
        self._target = target
        self._servers = servers
        self._canonical = canonical
        self._options = options
        self._turns = asyncio.Semaphore(options.jobs)
        self._notes: dict[str, list[str]] = {}

    async def tables(self, names: Sequence[str], left: Catalog, right: Catalog) -> list[VerifiedTable]:
        """Compare tables, several at a time, and return them in the order of their names."""
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._table(n, left.tables.get(n), right.tables.get(n))) for n in names]
        except BaseExceptionGroup as failed:
            raise failed.exceptions[0] from None
        self.notes = [note for name in names for note in self._notes.get(name, ())]
        for store in (self._source.store, self._target.store):
            if store.name == "supabase":
                self.notes.append("Supabase is read page by page, not in one snapshot: verify while nobody writes")
        return [task.result() for task in tasks]

    async def _table(self, name: str, mine: Table | None, theirs: Table | None) -> VerifiedTable:
        async with self._turns:
            if mine is None or theirs is None:
                return await self._one_sided(name, mine)
            state = self._options.state
            known = None if state is None else state.table(name)
            if known is not None:
                self._note(name, f"{name} was compared by an earlier, interrupted run and was equal then")
                return known
            verified = await self._compare(mine, theirs)
            if state is not None:
                state.finish(verified)
            return verified

    async def _one_sided(self, name: str, mine: Table | None) -> VerifiedTable:
        side = self._source if mine is not None else self._target
        async with side.session() as session:
            rows = await count(session, Count(name), timeout=PATIENCE)
        if mine is not None:
            return VerifiedTable(name, rows, None, None, None, (Difference("missing table", {}),))
        return VerifiedTable(name, None, rows, None, None, (Difference("extra table", {}),))

    async def _compare(self, mine: Table, theirs: Table) -> VerifiedTable:
        started = perf_counter()
        pair = self.pairs[mine.name] = pair_for_verify(mine, theirs)
        for column in theirs.by_name:
            if column not in mine.by_name:
                self._note(mine.name, f"{mine.name}.{column} is only in the target and was not compared")
        findings, compared = await self._hashed(pair) or await self._streamed(pair)
        differences = (*_schema_differences(mine, theirs), *compared.differences)
        self.keys[mine.name] = findings.keys
        return VerifiedTable(
            mine.name,
            compared.source_rows,
            compared.target_rows,
            compared.source_checksum,
            compared.target_checksum,
            differences[: self._options.limit],
            findings.differing,
            compared.method,
            perf_counter() - started,
        )

    async def _hashed(self, pair: TablePair) -> tuple[Findings, VerifiedTable] | None:
        """Compare by segments; None where only reading row by row will do."""
        plan = None if self._servers is None else self._servers.plan(pair)
        try:
            plan = plan or await self._canonical.plan(pair)
            return None if plan is None else await self._inside(plan, pair)
        except NotAlikeError:
            return None

    async def _inside(self, plan: Plan, pair: TablePair) -> tuple[Findings, VerifiedTable]:
        findings = self._findings(pair, settle=not plan.exact)
        state = self._options.state
        part = TableState({}) if state is None else state.parts(pair.name)
        meter = Meter(pair.name, 2 * plan.rows, self._options.on_progress)
        mine, theirs = await compare_inside(plan, findings, meter, part)
        checksums: tuple[str | None, str | None] = (mine.checksum, theirs.checksum)
        named = findings.named()
        if mine.checksum != theirs.checksum and not findings.differing.rows:
            checksums = (None, None)
            self._note(
                pair.name, f"{pair.name}: some values are written differently and mean the same; all were compared"
            )
        return findings, VerifiedTable(pair.name, mine.rows, theirs.rows, *checksums, named, method=plan.method)

    async def _streamed(self, pair: TablePair) -> tuple[Findings, VerifiedTable]:
        findings = self._findings(pair, scan=True)
        meter = await self._meter(pair.name)
        mine, theirs = await together(
            streamed_sums(self._source, pair, "source", meter), streamed_sums(self._target, pair, "target", meter)
        )
        named: tuple[Difference, ...] = ()
        if mine.unequal(theirs):
            await find_streamed(findings, (mine, theirs))
            named = findings.named() or (Difference("unequal checksum", {}),)
        checksums = mine.checksum, theirs.checksum
        return findings, VerifiedTable(pair.name, mine.rows, theirs.rows, *checksums, named, method="row by row")

    def _findings(self, pair: TablePair, *, settle: bool = False, scan: bool = False) -> Findings:
        limit, keep_keys = self._options.limit, self._options.keep_keys
        return Findings(pair, self._source, self._target, limit, keep_keys=keep_keys, settle=settle, scan=scan)

    async def _meter(self, name: str) -> Meter:
        total = 0
        if self._options.on_progress is not None:
            for side in (self._source, self._target):
                async with side.session() as session:
                    total += await count(session, Count(name), timeout=PATIENCE)
        return Meter(name, total, self._options.on_progress)

    def _note(self, table: str, note: str) -> None:
        self._notes.setdefault(table, []).append(note)


def _schema_differences(mine: Table, theirs: Table) -> list[Difference]:
    found = []
    for column in mine.columns:
        other = theirs.by_name.get(column.name)
        if other is None:
            found.append(Difference("missing column", {}, (column.name,)))
        elif not comparable(column.type, other.type):
            found.append(Difference("unlike types", {}, (column.name,)))
    return found
