"""Moves killed with SIGKILL at random moments and at boundaries, run again, and compared with one nobody killed."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.integration.transfer.kills.moves import STARTS, Move, Targets
from tests.integration.transfer.kills.places import Place, State

from datalayer.testing.servers import FoundServer

_PROGRAM: Final = "from datalayer.cli.entry import main; main()"
#: Seconds for what takes a second or two when nobody kills it.
_PATIENCE: Final = 120
_LOOK_SECONDS: Final = 0.002


@dataclass(frozen=True, slots=True)
class Kill:
    """One kill.

    Args:
        moment: when, in words.
        inside: whether it hit a move that had written something and was not at its end.
    """

    moment: str
    inside: bool


@dataclass(slots=True)
class Run:
    """A move that was killed, perhaps several times, and then run to its end by the same command.

    Args:
        unequal: what differs from a move that nobody killed; empty where nothing does.
    """

    move: str
    start: str
    kills: list[Kill] = field(default_factory=list)
    unequal: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Return the run as JSON-ready values."""
        kills = [{"moment": kill.moment, "inside": kill.inside} for kill in self.kills]
        return {"move": self.move, "start": self.start, "kills": kills, "unequal": self.unequal}


class Campaign:
    """The runs of one move. All that is random comes from the seed and the number of the run."""

    def __init__(self, move: Move, targets: Targets, seed: int) -> None:
        self._move = move
        self._targets = targets
        self._seed = seed
        self._wanted: State = {}
        self._seconds = 0.0

    @contextmanager
    def begun(self) -> Iterator[None]:
        """Run the move once to its end: what it leaves behind and how long it takes are the measure."""
        with self._targets.kept() as place:
            started = time.monotonic()
            command = self._move.command(place)
            assert _finished(command) == ""
            self._seconds = time.monotonic() - started
            if command[0] == "copy":
                assert _finished(("verify", *command[1:5])) == ""
            self._wanted = place.state()
            yield

    def run(self, number: int) -> Run:
        """Make one run."""
        chance = random.Random(f"{self._seed} {self._move.name} {number}")  # noqa: S311 - moments, not secrets
        start = chance.choice(list(STARTS))
        made = Run(self._move.name, start)
        with self._targets.fresh(start) as place:
            before = place.state()
            command = self._move.command(place)
            for _ in range(chance.choice((1, 1, 2, 3))):
                moment, alive = self._killed(command, place, chance)
                found = place.state()
                made.kills.append(Kill(moment, alive and found not in (before, self._wanted)))
                if found == self._wanted:
                    # It had come to its end: there is nothing to go on with.
                    break
            else:
                if said := _finished(command):
                    made.unequal.append(said)
                found = place.state()
        made.unequal += [name for name in {**self._wanted, **found} if found.get(name) != self._wanted.get(name)]
        return made

    def _killed(self, command: Sequence[str], place: Place, chance: random.Random) -> tuple[str, bool]:
        """Start the command and kill it; return when that was, and whether it was still alive."""
        ahead = [(name, question) for name, question in self._move.boundaries.items() if not place.holds(question)]
        process = _started(command, subprocess.DEVNULL)
        try:
            if not ahead or chance.random() < 1 / 3:
                delay = chance.uniform(0, self._seconds)
                _sleep(process, delay)
                moment = f"{delay:.2f} s after the start"
            else:
                name, question = chance.choice(ahead)
                delay = chance.choice((0.0, chance.uniform(0, 0.05), chance.uniform(0, self._seconds / 2)))
                while process.poll() is None and not place.holds(question):
                    time.sleep(_LOOK_SECONDS)
                _sleep(process, delay)
                moment = f"{delay:.2f} s after {name}"
            alive = process.poll() is None
        finally:
            process.kill()
            process.wait()
        return moment, alive


def make_runs(
    moves: Sequence[Move],
    server: FoundServer,
    directory: Path,
    *,
    runs: int,
    seed: int,
    hits: int = 0,
    on_run: Callable[[Run], None] = lambda _: None,
) -> list[Run]:
    """Make so many runs of every move, and more until so many kills have hit it in the middle."""
    made: list[Run] = []
    for move in moves:
        campaign, missing = Campaign(move, Targets(move, server, directory), seed), hits
        with campaign.begun():
            for number in range(runs + 10 * hits):
                if number >= runs and missing <= 0:
                    break
                made.append(campaign.run(number))
                missing -= sum(kill.inside for kill in made[-1].kills)
                on_run(made[-1])
    return made


def _started(command: Sequence[str], errors: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, *command], stdout=subprocess.DEVNULL, stderr=errors, text=True
    )


def _finished(command: Sequence[str]) -> str:
    """Run a command to its end and return what went wrong, nothing where it succeeded."""
    process = _started(command, subprocess.PIPE)
    try:
        _, said = process.communicate(timeout=_PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return f"did not end within {_PATIENCE} s"
    return f"exit code {process.returncode}: {said.strip()}" if process.returncode else ""


def _sleep(process: subprocess.Popen[str], seconds: float) -> None:
    """Sleep, but not longer than the process lives."""
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        return
