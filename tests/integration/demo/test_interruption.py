"""The demo interrupted: no server and no directory stays, whenever and however it is told to stop."""

from __future__ import annotations

import os
import signal
import subprocess
import time

import pytest
from tests.integration.demo.programs import SECONDS, Demo

#: By exit code, all that is on stderr.
_SAID = {
    130: "error: interrupted\n",
    143: "error: ended by SIGTERM\n",
    129: "error: ended by SIGHUP\n",
}


def _wait_for_line(process: subprocess.Popen[str], beginning: str) -> None:
    """Read what the program writes up to the line that begins so."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(beginning):
            return
    pytest.fail(f"the demo ended before it wrote {beginning!r}")


def _wait_for_file(demo: Demo, pattern: str) -> None:
    deadline = time.monotonic() + SECONDS
    while not any(demo.directory.glob(pattern)):
        assert time.monotonic() < deadline, f"no {pattern} came to be"
        time.sleep(0.01)


def _assert_all_gone(demo: Demo, process: subprocess.Popen[str], code: int) -> None:
    # Guardians of servers inherit stderr: its end means that they have done their work and left.
    _, errors = process.communicate(timeout=SECONDS)
    assert process.returncode == code, errors
    assert errors == _SAID[code]
    assert demo.left_processes() == []
    assert demo.left_files() == []


@pytest.mark.parametrize(("how", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_demo_interrupted_amid_its_calls_leaves_nothing(demo: Demo, how: signal.Signals, code: int) -> None:
    """A signal to a demo with servers running ends it with the signal's exit code, and the servers with it."""
    with demo.started() as process:
        _wait_for_line(process, "4. ")
        process.send_signal(how)
        _assert_all_gone(demo, process, code)


@pytest.mark.parametrize("step", ["6. ", "8. ", "9. "])
def test_demo_interrupted_amid_dual_write_leaves_nothing(demo: Demo, step: str) -> None:
    """Also while the application writes, the flag flips, or PostgREST is away: one line, and nothing stays."""
    with demo.started() as process:
        _wait_for_line(process, step)
        process.send_signal(signal.SIGINT)
        _assert_all_gone(demo, process, 130)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_demo_interrupted_while_a_server_starts_leaves_nothing(demo: Demo, how: signal.Signals) -> None:
    """Not even a server stays whose start was under way."""
    with demo.started() as process:
        _wait_for_file(demo, "datalayer-pg-*/global")
        process.send_signal(how)
        _assert_all_gone(demo, process, 128 + how)


@pytest.mark.parametrize("moment", ["datalayer-pg-*/global", "datalayer-pg-*/postmaster.pid"])
def test_ctrl_c_in_a_terminal_leaves_nothing(demo: Demo, moment: str) -> None:
    """A terminal sends SIGINT to the whole process group: to initdb, and to what starts the server, as well."""
    with demo.started() as process:
        _wait_for_file(demo, moment)
        os.killpg(process.pid, signal.SIGINT)
        _assert_all_gone(demo, process, 130)


def test_servers_that_go_away_end_the_demo_with_one_line(demo: Demo) -> None:
    """What the connection pool says of its attempts to reconnect is for logs, not for who looks at the demo."""
    with demo.started() as process:
        _wait_for_line(process, "4. ")
        for lines in demo.directory.glob("datalayer-pg-*/postmaster.pid"):
            os.kill(int(lines.read_text().splitlines()[0]), signal.SIGINT)
        _, errors = process.communicate(timeout=SECONDS)
    assert process.returncode == 4, errors
    [line] = errors.splitlines()
    assert line.startswith("error: ")
    assert demo.left_files() == []
