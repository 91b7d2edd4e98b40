"""Runs commands to their end in processes that are forked off one which has imported what commands import.

Importing is most of what a short command does. What a process of its own shows is shown all the same: its environment
is what is given, nothing but it writes to its stdout and stderr, and its exit code is the interpreter's.

Run as a script: ``forking.py FILE_DESCRIPTOR`` of a socket; see `_serve`.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from subprocess import CompletedProcess
from typing import Final, NoReturn

#: What the commands of dual-write import when they are run.
_IMPORTED: Final = (
    "datalayer.cli.app",
    "datalayer.layer.backfilling",
    "datalayer.layer.data_layer",
    "datalayer.layer.fencing",
    "datalayer.layer.owed",
    "datalayer.layer.resyncing",
    "datalayer.outbox.capture.postgres",
    "datalayer.outbox.capture.sqlite",
    "datalayer.outbox.capture.supabase",
    "datalayer.settings",
    "datalayer.stores.postgres",
    "datalayer.stores.sqlite",
    "datalayer.stores.supabase",
    "datalayer.telemetry.logs",
)
_PATIENCE: Final = 60.0


def run_command(
    *arguments: str, env: Mapping[str, str], cwd: Path | None = None, seconds: Mapping[str, float] | None = None
) -> CompletedProcess[str]:
    """Run ``datalayer`` with these arguments and this environment to its end.

    Args:
        seconds: durations that are others in its process, by the names that they have in their modules.
    """
    ours, theirs = socket.socketpair()
    with ours, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        with theirs:
            socket.send_fds(_forker(), [b"."], [theirs.fileno(), out.fileno(), errors.fileno()])
        place = str(cwd or Path.cwd())
        order = {"arguments": arguments, "env": dict(env), "cwd": place, "seconds": dict(seconds or {})}
        ours.sendall(json.dumps(order).encode() + b"\n")
        ours.settimeout(_PATIENCE)
        with ours.makefile() as answers:
            child = int(answers.readline())
            try:
                code = int(answers.readline())
            except TimeoutError:
                os.kill(child, signal.SIGKILL)
                raise
        out.seek(0)
        errors.seek(0)
        return CompletedProcess(arguments, code, out.read().decode(), errors.read().decode())


@cache
def _forker() -> socket.socket:
    """Start the process that commands are forked off; it ends with this one."""
    ours, theirs = socket.socketpair()
    command = [sys.executable, __file__, str(theirs.fileno())]
    forker = subprocess.Popen(command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
    theirs.close()

    def end() -> None:
        ours.close()
        forker.wait()

    atexit.register(end)
    return ours


def _serve(orders: socket.socket) -> None:
    """Fork for each order, until there is nobody to give any."""
    for name in _IMPORTED:
        importlib.import_module(name)
    # A fork that ends would look through all that was imported, and copy it by doing so.
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        message, (*files,), _, _ = socket.recv_fds(orders, 1, 3)
        if not message:
            return
        if os.fork() == 0:
            orders.close()
            _mind(*files)
        for file in files:
            os.close(file)


def _mind(asked: int, out: int, errors: int) -> None:
    """Fork the command, and tell its process and its exit code; return in its process alone."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with socket.socket(fileno=asked) as connection:
        with connection.makefile() as stream:
            order = json.loads(stream.readline())
        child = os.fork()
        if child:
            connection.sendall(f"{child}\n".encode())
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            connection.sendall(f"{code}\n".encode())
            os._exit(0)
    for file, number in ((out, 1), (errors, 2)):
        os.dup2(file, number)
        os.close(file)
    _become(**order)


def _become(arguments: list[str], env: dict[str, str], cwd: str, seconds: dict[str, float]) -> NoReturn:
    """Run the command as if this process had been started for it."""
    from datalayer.cli.app import main

    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    for name, value in seconds.items():
        module, _, attribute = name.rpartition(".")
        setattr(importlib.import_module(module), attribute, value)
    sys.argv = ["datalayer", *arguments]
    main()
    raise SystemExit


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
