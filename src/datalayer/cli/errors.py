"""Errors as one line on stderr and an exit code."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import Final

import typer

from datalayer.errors import (
    AccessDeniedError,
    ConfigurationError,
    DamagedExportError,
    DataLayerError,
    InvalidValueError,
    OrphanedRowsError,
    OutcomeUnknownError,
    SelectionError,
    StoreError,
    StoreTimeoutError,
    TransferError,
    UnavailableError,
    UnrepairedError,
    UnsupportedOperationError,
)
from datalayer.urls import without_secrets


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
    "Exit codes: 0 done, 1 a difference was found, an export is damaged or rows refer to nothing, 2 wrong usage: an"
    " option, or a file, directory, table or column that one names, 3 wrong configuration: a store's URL or a variable"
    " of the environment, 4 server unavailable, access denied or no answer in time, 5 the operation failed, 130"
    " interrupted, 143 or 129 ended by SIGTERM or SIGHUP."
)

_CODES: Final[tuple[tuple[type[Exception], ExitCode], ...]] = (
    (ConfigurationError, ExitCode.CONFIGURATION),
    (UnavailableError, ExitCode.UNAVAILABLE),
    (StoreTimeoutError, ExitCode.UNAVAILABLE),
    (OutcomeUnknownError, ExitCode.UNAVAILABLE),
    (AccessDeniedError, ExitCode.UNAVAILABLE),
    (UnsupportedOperationError, ExitCode.USAGE),
    (InvalidValueError, ExitCode.USAGE),
    (SelectionError, ExitCode.USAGE),
    (DamagedExportError, ExitCode.DIFFERENCE),
    (OrphanedRowsError, ExitCode.DIFFERENCE),
    (UnrepairedError, ExitCode.DIFFERENCE),
)

#: What to look at when the URL came from the command line, and not from the variables that a store's own hint names.
_URL_HINTS: Final[tuple[tuple[type[StoreError], str], ...]] = (
    (AccessDeniedError, "check user and password in the URL"),
    (UnavailableError, "check host, port and database in the URL, and that the server runs"),
)

_NO_DATABASE: Final = "3D000"

_REST_HINTS: Final[tuple[tuple[type[StoreError], str], ...]] = (
    (UnavailableError, "check the host in the URL, and that the project is not paused"),
)


class OpeningError(DataLayerError):
    """A store that the command line names cannot be opened; the cause tells the exit code."""


class SideError(DataLayerError):
    """A store that the command line names was lost on the way; the cause tells the exit code."""


@contextmanager
def opening(side: str | None = None, *, writes: bool = True) -> Iterator[None]:
    """Have an error say on which side it happened, and point at the URL that was given.

    Args:
        writes: whether the command changes anything where it gets further.
    """
    try:
        yield
    except DataLayerError as error:
        where = f"{side}: " if side else ""
        raise OpeningError(f"{where}{_said_of_a_url(error)}{'; nothing was changed' if writes else ''}") from error


@contextmanager
def naming_side(side_of: Callable[[StoreError], str | None]) -> Iterator[None]:
    """Have an error of a connection say on which side it was, as when the stores are opened."""
    try:
        yield
    except (UnavailableError, StoreTimeoutError, OutcomeUnknownError, AccessDeniedError) as error:
        # A file names itself, and is of neither store.
        side = None if error.store == "files" else side_of(error)
        if side is None:
            raise
        named = SideError(f"{side}: {error}")
        named.goes_on_with = error.goes_on_with
        raise named from error


@contextmanager
def told_by_options() -> Iterator[None]:
    """Have wrong configuration be wrong usage where it comes from the command line's own options."""
    try:
        yield
    except ConfigurationError as error:
        raise typer.BadParameter(str(error)) from error


def exit_code(error: Exception) -> ExitCode:
    """Return the exit code of an error; a transfer that a store's error ended has the code of that."""
    cause = error.__cause__
    if isinstance(error, OpeningError) and _names_no_file(cause):
        return ExitCode.CONFIGURATION
    if isinstance(error, OpeningError | SideError | TransferError) and isinstance(cause, DataLayerError):
        return exit_code(cause)
    return next((code for kind, code in _CODES if isinstance(error, kind)), ExitCode.FAILED)


def awaited(error: Exception) -> str:
    """Return what has to be done before the same command goes on, in words; empty where trying again may do."""
    cause = error if isinstance(error, StoreError) else error.__cause__
    if isinstance(cause, AccessDeniedError):
        return "once access is granted"
    return "once the database is there" if isinstance(cause, StoreError) and cause.sqlstate == _NO_DATABASE else ""


def report(error: Exception, *, debug: bool, command: str = "datalayer") -> ExitCode:
    """Say on stderr what went wrong, in one line.

    Args:
        debug: show the traceback first, unless the command line is to blame.
        command: whose help to point at where the error itself does not tell.
    """
    if debug and not isinstance(error, typer.TyperException):
        traceback.print_exception(error, file=sys.stderr)
    if isinstance(error, typer.TyperException):
        typed = _without_secrets(error.format_message()).removesuffix(".")
        say(f"{typed} (see {_command_of(error) or command} --help)")
        return ExitCode.USAGE
    if isinstance(error, DataLayerError):
        say(" ".join(str(error).split()))
    else:
        say(f"unexpected {type(error).__name__}: {_without_secrets(str(error))} (datalayer --debug ... shows where)")
    return exit_code(error)


def say(message: str) -> None:
    """Write one error line."""
    sys.stderr.write(f"error: {message}\n")


def _said_of_a_url(error: DataLayerError) -> str:
    """Word an error anew where its hint names variables that were not read; Supabase's key always comes from one."""
    if not isinstance(error, StoreError) or error.store in {"sqlite", "files"}:
        return str(error)
    if error.store == "supabase" and isinstance(error, AccessDeniedError):
        return str(error)
    hints = _REST_HINTS if error.store == "supabase" else _URL_HINTS
    hint = next((hint for kind, hint in hints if isinstance(error, kind)), error.hint)
    return f"{error.store} {error.operation}: {error.message}" + (f" ({hint})" if hint else "")


def _names_no_file(error: BaseException | None) -> bool:
    """Whether a URL names what is no SQLite file: there is no server that could come back. One may be locked."""
    return isinstance(error, UnavailableError) and error.store == "sqlite" and error.sqlstate == "08001"


def _command_of(error: typer.TyperException) -> str | None:
    """Return the command that could not read its arguments, as it was called; not every error of typer's knows it."""
    path: str | None = getattr(getattr(error, "ctx", None), "command_path", None)
    return path


def _without_secrets(text: str) -> str:
    """Fold lines into one that may repeat what was typed, and with it a password."""
    return " ".join(without_secrets(word) for word in text.split())
