"""Programs as an operator runs them: our command and its peers', each in processes of its own.

`python -m benchmarks.commands ARGUMENT...` is the program `datalayer` with these arguments; behind what that prints it
says how much memory it took.
"""

from __future__ import annotations

import asyncio
import shlex
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.figures import Figure
from benchmarks.memory import peak_mb

_ROOT: Final = Path(__file__).parents[1]
_PEAK: Final = "peak MB:"


class Ours:
    """One call of the command, made again and again; remembers the most memory that each of them took."""

    def __init__(self, *arguments: str) -> None:
        self._arguments = arguments
        self.peaks: list[float] = []

    async def __call__(self) -> None:
        """Run it once, to its end."""
        output = await shell(shlex.join([sys.executable, "-m", "benchmarks.commands", *self._arguments]))
        self.peaks.append(float(output.rpartition(_PEAK)[2]))


def with_memory(figures: list[Figure], ours: Mapping[str, Ours]) -> list[Figure]:
    """Return the figures with the memory of those variants that remember it."""
    return [
        replace(figure, peak_mb=round(median(ours[figure.variant].peaks), 1)) if figure.variant in ours else figure
        for figure in figures
    ]


async def shell(command: str) -> str:
    """Run a command line and return what it prints.

    Raises:
        RuntimeError: it failed; has its words.
    """
    process = await asyncio.create_subprocess_exec(
        "bash",
        "-c",
        f"set -o pipefail; {command}",
        cwd=_ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    if process.returncode:
        raise RuntimeError(errors.decode())
    return output.decode()


def main() -> None:
    """Run the command line that the arguments are."""
    from datalayer.cli.app import run

    code = run(sys.argv[1:])
    print(_PEAK, peak_mb())
    sys.exit(code)


if __name__ == "__main__":
    main()
