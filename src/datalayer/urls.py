"""URLs of stores as they may be shown: what logs, reports and error messages repeat of them."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote

#: A user, and a password up to the last ``@``: neither none at all nor a port.
_CREDENTIALS: Final = re.compile(r"(?<=://)([^:/@]*)(:(?!@|\d+[/?]).*)?@")

#: Source: PostgreSQL 18 manual, "Parameter Key Words"; a socket's directory can be named by these alone.
_SERVER: Final = frozenset({"host", "hostaddr", "port"})
_SUPABASE: Final = re.compile(r"supabase(\+http)?://")
_BEHIND: Final = re.compile(r"[?#]")


def without_secrets(argument: str) -> str:
    """Take passwords out of a URL; what follows the first colon is dropped up to the last ``@`` there is.

    Of Supabase's nothing behind the place is shown: what stands there is somebody's key in the wrong place.
    """
    if "://" not in argument:
        return argument
    shown = _CREDENTIALS.sub(lambda found: f"{found[1]}@", argument, count=1)
    if _SUPABASE.search(shown):
        return _BEHIND.split(shown, maxsplit=1)[0]
    place, mark, query = shown.partition("?")
    kept = [part for part in query.split("&") if "password" not in unquote(part.partition("=")[0]).lower()]
    return place + (mark + "&".join(kept) if kept else "")


def place(url: str) -> str:
    """Return where a store is, without user, password and any parameter but those that name PostgreSQL's server."""
    shown, _, query = _CREDENTIALS.sub("", url, count=1).partition("?")
    server = [part for part in query.split("&") if part.partition("=")[0] in _SERVER]
    return f"{shown}?{'&'.join(server)}" if server and shown.startswith("postgres") else shown
