"""Kill writers, relays and servers many times: `nox -s crash -- --runs 500 --seed 7 --json FILE`."""

from __future__ import annotations

import argparse
import json
import logging
import secrets
import sys
from collections import Counter
from pathlib import Path

from tests.integration.crash.campaign import SETTINGS, Run, runs
from tests.integration.crash.installing import install
from tests.integration.crash.places import places


def main() -> int:
    """Make the runs, print a line for each that went wrong and a sum at the end."""
    arguments = _arguments()
    # Whatever is killed is complained about.
    logging.disable(logging.CRITICAL)
    seed = arguments.seed if arguments.seed is not None else secrets.randbelow(1_000_000)
    _say(f"{arguments.runs} runs, seed {seed}")
    done: list[Run] = []
    with places(tuple(dict.fromkeys(setting.place for setting in SETTINGS))) as made:
        install(made)
        for run in runs(made, arguments.runs, seed):
            done.append(run)
            if not run.verdict.is_clean:
                _say(f"run {len(done) - 1}: {run}")
            elif len(done) % 25 == 0:
                _say(f"{len(done)} of {arguments.runs} runs")
    report = _report(done, seed)
    _say(json.dumps(report, indent=2))
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
    parser.add_argument("--seed", type=int, help="repeats the moments of an earlier call")
    parser.add_argument("--json", type=Path, help="file for the sums")
    return parser.parse_args()


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
