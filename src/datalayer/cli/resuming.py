"""The command that goes on after an error: the one that was given, without its secrets."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Final

from datalayer.urls import without_secrets

#: Running these again does what is missing, or only reads.
_COMMANDS: Final = frozenset(
    f"datalayer {name}" for name in ("copy", "sync", "export", "export verify", "load", "verify", "schema diff")
)


def continuing(command: str, arguments: Sequence[str]) -> str | None:
    """Return the line that says how to go on; None for a command that has nothing to go on with.

    Args:
        command: as a user calls it, for example ``datalayer copy``.
        arguments: of the whole command line, each as it was given.
    """
    if command not in _COMMANDS:
        return None
    shown = [without_secrets(argument) for argument in arguments]
    note = "" if shown == list(arguments) else " (the password is left out here)"
    return f"to go on{note}: {shlex.join(['datalayer', *shown])}"
