"""Errors as one line on stderr and an exit code."""

from __future__ import annotations

import sys
import traceback
from enum import IntEnum
from typing import Final

import typer

from datalayer.errors import (
    AccessDeniedError,
    ConfigurationError,
    DataLayerError,
    InvalidValueError,
    UnavailableError,
    UnsupportedOperationError,
)


class ExitCode(IntEnum):
    """What the exit code of every command means."""

    OK = 0
    DIFFERENCE = 1
    USAGE = 2
    CONFIGURATION = 3
    UNAVAILABLE = 4
    FAILED = 5
    INTERRUPTED = 130


#: For the help of every command that can fail.
EXIT_CODES: Final = (
    "Exit codes: 0 done, 1 a difference was found, 2 wrong usage, 3 wrong configuration,"
    " 4 server unavailable or access denied, 5 the operation failed, 130 interrupted."
)

_CODES: Final[tuple[tuple[type[Exception], ExitCode], ...]] = (
    (ConfigurationError, ExitCode.CONFIGURATION),
    (UnavailableError, ExitCode.UNAVAILABLE),
    (AccessDeniedError, ExitCode.UNAVAILABLE),
    (UnsupportedOperationError, ExitCode.USAGE),
    (InvalidValueError, ExitCode.USAGE),
)


def exit_code(error: Exception) -> ExitCode:
    """Return the exit code of an error."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), ExitCode.FAILED)


def report(error: Exception, *, debug: bool) -> ExitCode:
    """Say on stderr what went wrong, in one line; with ``debug`` the traceback comes first."""
    if debug:
        traceback.print_exception(error, file=sys.stderr)
    if isinstance(error, typer.TyperException):
        say(f"{_one_line(error.format_message()).removesuffix('.')} (see {_command_of(error)} --help)")
        return ExitCode.USAGE
    if isinstance(error, DataLayerError):
        say(_one_line(str(error)))
    else:
        say(f"unexpected {type(error).__name__}: {_one_line(str(error))} (datalayer --debug ... shows where)")
    return exit_code(error)


def say(message: str) -> None:
    """Write one error line."""
    sys.stderr.write(f"error: {message}\n")


def _command_of(error: typer.TyperException) -> str:
    """Return the command that could not read its arguments, as it was called."""
    path: str = getattr(getattr(error, "ctx", None), "command_path", "datalayer")
    return path


def _one_line(text: str) -> str:
    return " ".join(text.split())
