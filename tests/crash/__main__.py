"""``python -m tests.crash --runs 500 --seed 1 --json FILE``: exit code 0 when nothing was lost, 1 otherwise."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from pathlib import Path

from tests.crash.campaign import SETTINGS, Run, runs
from tests.crash.installing import install
from tests.crash.places import places


def main() -> int:
    """Make the runs, print a line for each that went wrong and a sum at the end."""
    arguments = _arguments()
    seed = arguments.seed if arguments.seed is not None else time.time_ns() % 1_000_000
    print(f"{arguments.runs} runs, seed {seed}", flush=True)
    done: list[Run] = []
    with places(tuple(dict.fromkeys(setting.place for setting in SETTINGS))) as made:
        install(made)
        for run in runs(made, arguments.runs, seed):
            done.append(run)
            if not run.verdict.is_clean:
                print(f"run {len(done) - 1}: {run}", flush=True)
            elif len(done) % 25 == 0:
                print(f"{len(done)} of {arguments.runs} runs", flush=True)
    report = _report(done, seed)
    print(json.dumps(report, indent=2))
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(report) + "\n")
    return 0 if all(run.verdict.is_clean for run in done) else 1


def _report(done: list[Run], seed: int) -> dict[str, object]:
    return {
        "seed": seed,
        "runs": len(done),
        "kills": len(done) + sum(run.victim != "writer" for run in done),
        "victims": Counter(run.victim for run in done),
        "acknowledged": sum(run.acknowledged for run in done),
        "unknown": sum(run.unknown for run in done),
        "lost": sum(run.verdict.lost for run in done),
        "resurrected": sum(run.verdict.resurrected for run in done),
        "unequal": sum(run.verdict.unequal for run in done),
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="nox -s crash --", description=__doc__)
    parser.add_argument("--runs", type=int, default=500, help="how many processes are killed (500)")
    parser.add_argument("--seed", type=int, help="of all random numbers; the clock's when left out")
    parser.add_argument("--json", type=Path, help="file for the sums")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
