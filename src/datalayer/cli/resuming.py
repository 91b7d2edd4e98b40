"""The command that goes on after an error: the one that was given, without its secrets."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from contextvars import ContextVar
from typing import Final

from datalayer.urls import without_secrets

#: Running these again does what is missing, or only reads.
_COMMANDS: Final = frozenset(
    f"datalayer {name}" for name in ("copy", "sync", "export", "export verify", "load", "verify", "schema diff")
)


#: Of the command line that runs in this context; the tasks that it starts see the same list.
_BESIDES: ContextVar[list[str]] = ContextVar("besides")


def besides() -> list[str]:
    """Return a new list, to which :func:`need` adds options; typer tells nothing else of what was interrupted."""
    options: list[str] = []
    _BESIDES.set(options)
    return options


def need(options: Sequence[str]) -> None:
    """Note options that the command line has to have besides, to go on after it was interrupted."""
    _BESIDES.get([]).extend(options)


def continuing(command: str, arguments: Sequence[str], once: str = "") -> str | None:
    """Return the line that says how to go on; None for a command that has nothing to go on with.

    Args:
        command: as a user calls it, for example ``datalayer copy``.
        arguments: of the whole command line, each as it was given.
        once: what has to be done first, in words.
    """
    if command not in _COMMANDS:
        return None
    shown = [without_secrets(argument) for argument in arguments]
    note = "" if shown == list(arguments) else " (the password is left out here)"
    return f"to go on{f' {once}' if once else ''}{note}: {shlex.join(['datalayer', *shown])}"
