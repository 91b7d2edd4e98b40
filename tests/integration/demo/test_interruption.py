"""The demo interrupted: no server and no directory stays, whenever and however it is told to stop."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest
from tests.integration.demo.programs import SECONDS, Demo


def _wait_for(process: subprocess.Popen[str], beginning: str) -> None:
    """Read the program's lines up to the one that begins so."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(beginning):
            return
    pytest.fail(f"the demo ended before it wrote {beginning!r}")


@pytest.mark.parametrize(("how", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("step", ["1. ", "4. ", "6. "], ids=["starting", "calling", "verifying"])
def test_interrupted_demo_leaves_nothing(demo: Demo, step: str, how: signal.Signals, code: int) -> None:
    """A signal while servers start, calls are made or rows compared ends it with the signal's code, all cleaned up."""
    with demo.started() as process:
        _wait_for(process, step)
        process.send_signal(how)
        # Guardians of servers inherit stderr: its end means that they have done their work and left.
        _, errors = process.communicate(timeout=SECONDS)
    assert process.returncode == code, errors
    assert "Traceback" not in errors
    assert demo.left_processes() == []
    assert demo.left_files() == []


@pytest.mark.parametrize("step", ["1. ", "7. "], ids=["starting", "calling"])
def test_ctrl_c_in_a_terminal_leaves_nothing(demo: Demo, step: str) -> None:
    """A terminal sends SIGINT to the whole process group, to initdb and servers as well."""
    with demo.started() as process:
        _wait_for(process, step)
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=SECONDS)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert demo.left_processes() == []
    assert demo.left_files() == []
