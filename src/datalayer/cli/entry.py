"""Where a process enters: an interrupt while the commands are still being imported ends it as any other does."""

from __future__ import annotations

import sys

#: As the commands have it; their module is not imported yet.
_INTERRUPTED = 130


def main() -> None:
    """Run the command line of this process and end it with the exit code."""
    try:
        from datalayer.cli.app import main as run_and_exit

        run_and_exit()
    except KeyboardInterrupt:
        if sys.stderr is not None:
            sys.stderr.write("error: interrupted\n")
        sys.exit(_INTERRUPTED)
