"""The demo itself: a salon moves from Supabase to a PostgreSQL of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

from datalayer import migrations
from datalayer.demo import words
from datalayer.demo.calls import Call, salon_calls
from datalayer.demo.dual_write import DualWrite, install
from datalayer.demo.lag import LagWatch
from datalayer.demo.measure import Measured, TickingClock, measure
from datalayer.demo.report import ComparedCall, DemoReport, DualWriteReport, compare_calls
from datalayer.demo.salon import build_salon
from datalayer.demo.screen import Screen
from datalayer.demo.stage import Side, Stage, opened
from datalayer.layer import DataLayer
from datalayer.query import Insert, Row
from datalayer.quiet import silenced
from datalayer.stores.contract import Store
from datalayer.transfer import VerifiedTable, copy, verify

_BATCH_ROWS = 500


async def tell_story(stage: Stage, screen: Screen, sqlite_file: Path | None) -> DemoReport:
    """Play every step on servers that run already, and return what was found."""
    salon = build_salon()
    calls = salon_calls(salon)
    await _make_tables(stage, screen)
    await _fill(stage.legacy, screen, salon)
    before = await _call_legacy(stage, screen, salon, calls)
    await install(stage, screen)
    clock = TickingClock()
    # What the relay and its HTTP calls log of an outage, and the layer of a reload, the demo says itself.
    with silenced("datalayer"), silenced("stamina"):
        async with DataLayer.open(stage.legacy.joined, clock=clock) as layer:
            acts = DualWrite(stage, screen, layer, salon)
            played = [await acts.fill()]
            filled = await _verify_sides(stage, screen, "Verify: compare every value of every row")
            played.append(await acts.flip())
            if stage.outage is not None:
                played.append(await acts.outage(stage.outage))
            clock.restart()
            compared, settled = await _call_own(stage, screen, layer, calls, before)
            tables = await _verify_sides(stage, screen, words.VERIFY_AGAIN, brief=True)
    dual_write = DualWriteReport(played, settled, _equal(filled), _equal(tables), words.left_out(stage.engines))
    sqlite_tables = None if sqlite_file is None else await _move_sqlite(stage, screen, sqlite_file)
    return DemoReport(stage.engines, tables, compared, dual_write, sqlite_tables)


async def _make_tables(stage: Stage, screen: Screen) -> None:
    with screen.step("Create the tables on both sides, from numbered SQL files"):
        notices: dict[str, None] = {}  # in order, each once: both sides may have the same to say
        for side in (stage.legacy, stage.own):
            async with opened(side.database) as store:
                applied = await migrations.apply(store)
            notices |= dict.fromkeys(words.notice(notice) for file in applied for notice in file.notices)
        await asyncio.to_thread(stage.legacy.reload_schema)
        screen.line(f"{words.counted(len(applied), 'files')}, each recorded with its checksum")
        for notice in notices:
            screen.line(notice, style="dim")


async def _fill(side: Side, screen: Screen, salon: Mapping[str, Sequence[Row]]) -> None:
    with screen.step("Fill the legacy side with a beauty salon"):
        async with opened(side.database) as store:
            for table, rows in salon.items():
                for start in range(0, len(rows), _BATCH_ROWS):
                    await store.insert(Insert(table, rows[start : start + _BATCH_ROWS], returning=False))
        screen.line(", ".join(words.counted(len(rows), table) for table, rows in salon.items()))


async def _call_legacy(
    stage: Stage, screen: Screen, salon: Mapping[str, Sequence[Row]], calls: Sequence[Call]
) -> list[Measured]:
    with screen.step(f"Make an application's calls on {words.legacy_name(stage.engines)}"):
        measured = await _measured(stage.legacy, calls)
        for line in words.example(salon, measured):
            screen.line(line)
    return measured


async def _call_own(
    stage: Stage, screen: Screen, layer: DataLayer, calls: Sequence[Call], before: Sequence[Measured]
) -> tuple[list[ComparedCall], bool]:
    """Compare the calls, and say whether the legacy side has got their writes as well."""
    with screen.step(words.calls_title(stage.engines)) as tell:
        compared = compare_calls(before, await measure(layer, calls))
        screen.calls(compared, words.legacy_name(stage.engines))
        for line in words.HOW_COMPARED:
            screen.line(line, style="dim")
        seconds = await LagWatch(layer, tell).settle()
        screen.line(words.settled_in(seconds))
    return compared, seconds is not None


async def _verify_sides(stage: Stage, screen: Screen, title: str, *, brief: bool = False) -> Sequence[VerifiedTable]:
    async with opened(stage.legacy.url, stage.legacy.key) as source, opened(stage.own.url) as target:
        return await _verify(source, target, screen, title, brief=brief)


def _equal(tables: Sequence[VerifiedTable]) -> bool:
    return all(table.equal for table in tables)


async def _measured(side: Side, calls: Sequence[Call]) -> list[Measured]:
    async with DataLayer.open(side.settings, clock=TickingClock()) as layer:
        return await measure(layer, calls)


async def _copy(source: Store, target: Store, screen: Screen, title: str) -> None:
    with screen.step(title) as tell:
        report = await copy(source, target, on_progress=lambda p: tell(f"{p.table}: {p.rows:,} of {p.total:,}"))
        rows = words.counted(report.rows, "rows")
        screen.line(f"{rows} in {words.counted(len(report.tables), 'tables')}, {report.seconds:.1f} s")
        for note in report.notes:
            screen.line(note)


async def _verify(
    source: Store, target: Store, screen: Screen, title: str, *, brief: bool = False
) -> Sequence[VerifiedTable]:
    """Compare all tables; ``brief`` shows them only where they differ."""
    with screen.step(title) as tell:
        report = await verify(source, target, on_progress=lambda p: tell(f"{p.table}: {p.rows:,} of {p.total:,}"))
        if brief and report.equal:
            screen.line(words.verified(report.tables))
        else:
            screen.tables(report.tables)
        for note in report.notes:
            screen.line(note)
    return report.tables


async def _move_sqlite(stage: Stage, screen: Screen, file: Path) -> Sequence[VerifiedTable]:
    """Copy a file of any tables into a database of its own on the own side; its path is absolute, it is only read."""
    async with opened(f"sqlite:///{file}") as source, opened(stage.spare_database) as target:
        await _copy(source, target, screen, f"Copy {file.name} to PostgreSQL, tables and all")
        return await _verify(source, target, screen, f"Verify {file.name}")
