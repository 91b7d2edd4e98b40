"""URLs of stores as they may be shown: what logs, reports and error messages repeat of them."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote

#: A user, and a password up to the last ``@``: neither none at all nor a port.
_CREDENTIALS: Final = re.compile(r"(?<=://)([^:/@]*)(:(?!@|\d+[/?]).*)?@")


def without_secrets(argument: str) -> str:
    """Take passwords out of a URL; what follows the first colon is dropped up to the last ``@`` there is."""
    if "://" not in argument:
        return argument
    shown = _CREDENTIALS.sub(lambda found: f"{found[1]}@", argument, count=1)
    place, mark, query = shown.partition("?")
    kept = [part for part in query.split("&") if "password" not in unquote(part.partition("=")[0]).lower()]
    return place + (mark + "&".join(kept) if kept else "")


def place(url: str) -> str:
    """Return where a store is, without user, password and parameters."""
    return _CREDENTIALS.sub("", url, count=1).partition("?")[0]
