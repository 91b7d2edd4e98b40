"""Runs the demo from beginning to end."""

from __future__ import annotations

import asyncio
from pathlib import Path

from rich.console import Console

from datalayer.demo import words
from datalayer.demo.report import DemoReport
from datalayer.demo.screen import Screen
from datalayer.demo.stage import check_installed, started_stage
from datalayer.demo.story import tell_story
from datalayer.quiet import silenced


def run_demo(console: Console, *, sqlite_file: Path | None = None) -> DemoReport:
    """Start servers, play the move, stop the servers; also when it is interrupted. For the main thread.

    Args:
        console: where the story is written.
        sqlite_file: a database to move as well; it is only read.

    Raises:
        ConfigurationError: the embedded PostgreSQL is not installed.
    """
    check_installed()
    screen = Screen(console)
    file = None if sqlite_file is None else sqlite_file.absolute()
    screen.title(words.TITLE, words.SUBTITLE)
    # Pools log every attempt to reconnect to a server that goes away; the call that fails says it once.
    with silenced("psycopg.pool"), started_stage(screen) as stage:
        report = asyncio.run(tell_story(stage, screen, file))
    _say_the_end(screen, report)
    return report


def _say_the_end(screen: Screen, report: DemoReport) -> None:
    screen.heading("What was shown")
    for line in words.summary(report):
        screen.line(line)
    if report.equal:
        screen.heading("Next, with your own data: four lines of settings")
        for line in words.NEXT_STEPS:
            screen.line(line)
