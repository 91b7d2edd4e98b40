"""Kill copies and loads many times: `nox -s kills -- --runs 50 --seed 7 --json FILE`."""

from __future__ import annotations

import argparse
import json
import secrets
import sys
import tempfile
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from tests.integration.transfer.kills.campaign import Run, make_runs
from tests.integration.transfer.kills.moves import prepared_moves

from datalayer.testing.servers import postgres_for_tests

_ROWS = 50_000


def main() -> int:
    """Do what the arguments say; the exit code is 1 where a run did not end equal."""
    parser = argparse.ArgumentParser(prog="nox -s kills --", description=__doc__)
    parser.add_argument("--runs", type=int, default=50, help="runs of each move (50)")
    parser.add_argument("--seed", type=int, default=None, help="repeats the moments of an earlier call")
    parser.add_argument("--only", default="", metavar="WORDS", help="moves whose name has these words")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every run to a file")
    arguments = parser.parse_args()
    seed = secrets.randbelow(1_000_000) if arguments.seed is None else arguments.seed
    _say(f"seed {seed}")
    with (
        tempfile.TemporaryDirectory() as name,
        postgres_for_tests() as server,
        prepared_moves(server, Path(name), _ROWS) as moves,
    ):
        chosen = [move for move in moves if arguments.only.casefold() in move.name.casefold()]
        if not chosen:
            parser.error(f"--only: no move has these words in its name; there are {'; '.join(m.name for m in moves)}")
        runs = make_runs(chosen, server, Path(name), runs=arguments.runs, seed=seed, on_run=_tell)
    for move, found in groupby(runs, key=lambda made: made.move):
        _say(f"{move}: {_summary(list(found))}")
    _say(f"in all, seed {seed}: {_summary(runs)}")
    if arguments.json is not None:
        kept = {"seed": seed, **_counts(runs), "all": [made.as_json() for made in runs]}
        arguments.json.write_text(json.dumps(kept, indent=2) + "\n")
    return 1 if any(made.unequal for made in runs) else 0


def _counts(runs: Sequence[Run]) -> dict[str, int]:
    kills = [kill for made in runs for kill in made.kills]
    return {
        "runs": len(runs),
        "kills": len(kills),
        "in the middle": sum(kill.inside for kill in kills),
        "unequal": sum(bool(made.unequal) for made in runs),
    }


def _summary(runs: Sequence[Run]) -> str:
    return ", ".join(f"{number} {name}" for name, number in _counts(runs).items())


def _tell(made: Run) -> None:
    kills = "; ".join(f"{kill.moment}{'' if kill.inside else ' (not in the middle)'}" for kill in made.kills)
    verdict = "equal" if not made.unequal else f"UNEQUAL: {', '.join(made.unequal)}"
    _say(f"{made.move}, {made.start}; killed {kills}: {verdict}")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
