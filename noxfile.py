"""Every check of the project: `nox` runs the default ones; `nox -s bench`, `crash`, `kills` and `docs` stand apart."""

import os
import shutil
from pathlib import Path

import nox

nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_existing_virtualenvs = True
nox.options.sessions = ["lint", "types", "imports", "tests"]

#: Free memory from which on tests have their databases there; they take about 1.2 GB.
MEMORY_BYTES = 4 * 2**30
CONSTRAINTS = ("-c", "constraints.txt")


def _test_environment() -> dict[str, str]:
    """Spare what is no test's concern: compiling the package for each command, and databases on a slow disk."""
    memory = Path("/dev/shm")  # noqa: S108 - each test has a directory of its own there
    has_room = memory.is_dir() and shutil.disk_usage(memory).free >= MEMORY_BYTES
    place = {"TMPDIR": str(memory)} if has_room and "TMPDIR" not in os.environ else {}
    return {"PYTHONDONTWRITEBYTECODE": "", **place}


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and format."""
    session.install("ruff", *CONSTRAINTS)
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Check types, strictly, over the package and its tests."""
    session.install("-e", ".[test]", "mypy", *CONSTRAINTS)
    session.run("mypy")


@nox.session
def imports(session: nox.Session) -> None:
    """Check that imports only point down the house."""
    # The package is read and not imported, so what it depends on is not missed.
    session.install("import-linter", *CONSTRAINTS)
    session.install("--no-deps", "-e", ".")
    session.run("lint-imports")


@nox.session
def tests(session: nox.Session) -> None:
    """Run unit and integration tests, three files at a time; arguments go to pytest."""
    session.install("-e", ".[test]", *CONSTRAINTS)
    # Integration tests wait for servers a third of their time. Unit tests, which are short, come last and even out.
    parallel = ("-n", "3", "--dist", "loadfile", "--no-loadscope-reorder")
    session.run("pytest", *parallel, *session.posargs, env=_test_environment())


@nox.session
def bench(session: nox.Session) -> None:
    """Measure against the bare driver and the peers, in one interleaved run; `-- --quick` is the short one."""
    session.install("-e", ".[bench]", *CONSTRAINTS)
    session.run("python", "-m", "benchmarks", *session.posargs)


@nox.session
def crash(session: nox.Session) -> None:
    """Kill what writes in dual-write, and its servers; `-- --runs 500 --seed 7 --json FILE`."""
    session.install("-e", ".[test]", *CONSTRAINTS)
    session.run("python", "-m", "tests.integration.crash", *session.posargs)


@nox.session
def kills(session: nox.Session) -> None:
    """Kill copies and loads with SIGKILL, run them again, compare; `-- --runs 50 --seed 7 --json FILE`."""
    session.install("-e", ".[test]", *CONSTRAINTS)
    session.run("python", "-m", "tests.integration.transfer.kills", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """Run the examples and check the links and claims of the documentation."""
    session.install("-e", ".[test]", *CONSTRAINTS)
    session.run("pytest", "tests/docs", *session.posargs)
