"""The command that goes on after an error: the one that was given, without its secrets."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from typing import Final
from urllib.parse import unquote

#: Running these again does what is missing, or only reads.
_COMMANDS: Final = frozenset(
    f"datalayer {name}" for name in ("copy", "sync", "export", "export verify", "load", "verify", "schema diff")
)
#: A user, and a password up to the last ``@``: neither none at all nor a port.
_CREDENTIALS: Final = re.compile(r"(?<=://)([^:/@]*)(:(?!@|\d+[/?]).*)?@")


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


def without_secrets(argument: str) -> str:
    """Take passwords out of a URL; what follows the first colon is dropped up to the last ``@`` there is."""
    if "://" not in argument:
        return argument
    shown = _CREDENTIALS.sub(lambda found: f"{found[1]}@", argument, count=1)
    place, mark, query = shown.partition("?")
    kept = [part for part in query.split("&") if "password" not in unquote(part.partition("=")[0]).lower()]
    return place + (mark + "&".join(kept) if kept else "")
