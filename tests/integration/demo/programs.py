"""Runs ``datalayer demo`` as a program, with a temporary directory of its own, and looks at what it leaves behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

_PROGRAM = [sys.executable, "-c", "from datalayer.cli.entry import main; main()", "demo"]

#: Well above what the demo takes on a busy machine.
SECONDS = 110


class Demo:
    """The command with its temporary directory, whose path is short enough for Unix sockets."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run the program to its end."""
        return subprocess.run(
            [*_PROGRAM, *arguments],
            env=self._environment(variables),
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    @contextmanager
    def started(self, **variables: str) -> Iterator[subprocess.Popen[str]]:
        """Start the program as the leader of its process group, as a shell does."""
        # Under nohup it would inherit that SIGHUP is ignored.
        previous = signal.signal(signal.SIGHUP, signal.SIG_DFL)
        process = subprocess.Popen(
            _PROGRAM,
            env=self._environment(variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        signal.signal(signal.SIGHUP, previous)
        with process:
            yield process

    def left_files(self) -> list[str]:
        """What is in the temporary directory."""
        return sorted(entry.name for entry in self.directory.iterdir())

    def left_processes(self) -> list[str]:
        """Command lines of processes that name the temporary directory as an argument or in their environment."""
        mark = os.fsencode(self.directory)
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                command, variables = (process / "cmdline").read_bytes(), (process / "environ").read_bytes()
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue
            if int(process.name) != os.getpid() and mark in command + variables:
                found.append(command.decode(errors="replace"))
        return found

    def _environment(self, variables: Mapping[str, str]) -> dict[str, str]:
        return {**os.environ, "TMPDIR": str(self.directory), **variables}


@contextmanager
def lent_demo() -> Iterator[Demo]:
    """Lend the program with a new temporary directory."""
    with tempfile.TemporaryDirectory(prefix="demo-", ignore_cleanup_errors=True) as directory:
        yield Demo(Path(directory))
