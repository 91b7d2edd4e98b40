"""What the demo says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from datalayer.demo.calls import regular_phone
from datalayer.demo.measure import ROUNDS, Measured
from datalayer.demo.report import DemoReport, Engines
from datalayer.models import Client
from datalayer.query import Row

TITLE: Final = "A salon moves from Supabase to its own PostgreSQL: throwaway servers, made-up data, real calls"

HOW_COMPARED: Final = (
    f"medians of {ROUNDS} rounds; equal means that the answers of all rounds were, every field of every row."
    " Each round writes other values. Both sides are told the same time, so stamps such as updated_at are compared too;"
    " of health_check only whether it is healthy. Servers and caller share this machine:"
    " a real Supabase adds the way to it."
)

NEXT_STEPS: Final = (
    "today      SUPABASE_URL=https://PROJECT.supabase.co SUPABASE_SERVICE_ROLE_KEY=...",
    "move       datalayer copy --source supabase://PROJECT.supabase.co --target postgresql://USER@HOST/DATABASE"
    "   (then verify, same arguments)",
    "afterwards DATABASE_URL=postgresql://USER@HOST/DATABASE USE_LEGACY_SUPABASE=false",
)


def legacy_name(engines: Engines) -> str:
    """Return what the legacy side is called; SQLite that stands in for Supabase is called by its own name."""
    return "SQLite" if engines.stands_in else "Supabase"


def sides(engines: Engines) -> Iterator[str]:
    """Say what plays the two sides."""
    if engines.stands_in:
        yield f"legacy  {engines.supabase}: it stands for Supabase here, since PostgREST could not be had"
    else:
        yield f"legacy  {engines.supabase}: what Supabase's REST interface is made of"
    yield f"own     {engines.postgres}"


def example(salon: Mapping[str, Sequence[Row]], measured: Sequence[Measured]) -> Iterator[str]:
    """Show one call as code, and its answer."""
    yield f"{len(measured)} calls, for example"
    yield ""
    yield "async with DataLayer.open() as layer:"
    yield f'    client = await layer.get_client_by_phone("{regular_phone(salon)}")'
    answer = next(call.answers[-1] for call in measured if call.name == "get_client_by_phone")
    if isinstance(answer, Client):
        yield f"    # {answer.name}, {answer.visit_count} visits, {answer.total_spent} spent, tags {answer.tags}"


def copied(engines: Engines) -> str | None:
    """Say what was special about the way."""
    if engines.stands_in:
        return None
    return "all of them came over the REST interface, although it answers 1,000 rows at most"


def flip(engines: Engines) -> Iterator[str]:
    """Say which settings change, and that nothing else does."""
    if engines.stands_in:
        yield "the settings get DATABASE_URL; the application's code stays as it is"
    else:
        yield "USE_LEGACY_SUPABASE=true becomes false; every other setting and the application's code stay as they are"


def summary(report: DemoReport) -> Iterator[str]:
    """Say what was shown."""
    name = legacy_name(report.engines)
    rows = sum(table.target_rows or 0 for table in report.tables)
    unlike = [call.name for call in report.calls if not call.equal]
    if unlike:
        yield f"not equal: the answers of {', '.join(unlike)}"
    else:
        yield f"{len(report.calls)} calls gave equal answers on {name} and PostgreSQL"
    yield f"PostgreSQL answered {report.times_faster:.1f} times faster than {name} (median over the calls)"
    yield from _moved(f"{rows:,} rows", [(t.table, t.equal) for t in report.tables])
    if report.sqlite_tables is not None:
        rows = sum(table.target_rows or 0 for table in report.sqlite_tables)
        yield from _moved(f"{rows:,} rows of the SQLite file", [(t.table, t.equal) for t in report.sqlite_tables])


def _moved(what: str, tables: Sequence[tuple[str, bool]]) -> Iterator[str]:
    unlike = [name for name, equal in tables if not equal]
    if unlike:
        yield f"not equal: the tables {', '.join(unlike)}"
    else:
        yield f"{what} in {len(tables)} tables moved, and every value was compared: 100 % equal"
