"""A small process that outlives us for a moment: it stops a server whose owner died, however it died.

Python's atexit does not run after SIGTERM or SIGKILL. The guardian holds the read end of a pipe whose write end lives
in the owner; end of file without a word means that the owner is gone. It runs in a session of its own, so that Ctrl-C
in a terminal reaches the owner only.

Run as a script: ``guardian.py PID [DIRECTORY]``.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time

_RELEASED = b"released\n"
_GRACE_SECONDS = 10.0


class Guardian:
    """Watches over one server process on behalf of this process.

    Args:
        pid: the server's process.
        directory: removed after the server has ended, where there is one.
    """

    def __init__(self, pid: int, directory: str | None = None) -> None:
        arguments = [sys.executable, "-I", "-S", __file__, str(pid), *([directory] if directory else [])]
        self._process = subprocess.Popen(  # noqa: S603 - our own file, our own arguments
            arguments, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True
        )

    def release(self) -> None:
        """Tell the guardian that the server was stopped in the regular way; may be called twice."""
        if self._process.stdin is not None and not self._process.stdin.closed:
            with contextlib.suppress(BrokenPipeError):
                self._process.communicate(_RELEASED)


def main(pid: int, directory: str | None) -> None:
    """Wait for the owner's last word; without one, end the server and remove its directory."""
    if sys.stdin.buffer.read() == _RELEASED:
        return
    _end(pid)
    if directory:
        shutil.rmtree(directory, ignore_errors=True)


def _end(pid: int) -> None:
    """Ask the server to stop (SIGINT is PostgreSQL's fast shutdown), and kill it when it does not."""
    deadline = time.monotonic() + _GRACE_SECONDS
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGINT)
        while time.monotonic() < deadline:
            os.kill(pid, 0)
            time.sleep(0.02)
        os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None)
