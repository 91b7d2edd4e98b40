"""How names and values are written in PostgREST's query language.

Source: PostgREST 12 documentation, "Horizontal Filtering" and "Reserved characters".
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from datalayer.errors import UnfitValueError
from datalayer.stores.supabase.errors import STORE

_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PLAIN_VALUE = re.compile(r"[\w.:+-]+")
#: Stay readable in a URL's query; PostgREST's own punctuation is among them, the semicolon separates parameters.
_SAFE_IN_QUERY = "-._~!$'()*,:@/"
_REGEX_SPECIAL = frozenset("^$.[]()|?*+{}\\")


def quoted(text: str) -> str:
    """Quote a name or a value, so that no character in it is punctuation."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def name(column: str) -> str:
    """Write a column for ``select``, ``order`` and ``on_conflict``."""
    return column if _PLAIN_NAME.fullmatch(column) else quoted(column)


def value(text: str) -> str:
    """Write a value inside a logic tree or an in-list, quoted where needed."""
    return text if _PLAIN_VALUE.fullmatch(text) else quoted(text)


def array(elements: Iterable[Any]) -> str:
    """Write an array as PostgreSQL's literal; elements are texts, None or nested lists."""
    return "{" + ",".join(_element(element) for element in elements) + "}"


def query_string(parameters: Iterable[tuple[str, str]]) -> str:
    """Encode parameters for a URL, sparing what a URL allows: long filters count against the servers' limits."""
    return "&".join(f"{_encoded(key)}={_encoded(text)}" for key, text in parameters)


def encoded_length(text: str) -> int:
    """Return how many bytes the text takes in a URL."""
    return len(_encoded(text))


def regex_for_like(pattern: str) -> str:
    r"""Turn a LIKE pattern into an anchored regular expression of the same meaning.

    PostgREST turns every ``*`` of a ``like`` pattern into ``%``, and there is no escape for it; ``match`` takes a
    pattern as it is. In PostgreSQL's expressions ``.`` matches a newline, and ``^`` and ``$`` the text's ends only.
    """
    parts: list[str] = []
    characters = iter(pattern)
    for character in characters:
        if character == "%":
            parts.append(".*")
        elif character == "_":
            parts.append(".")
        else:
            literal = next(characters) if character == "\\" else character
            parts.append(f"\\{literal}" if literal in _REGEX_SPECIAL else literal)
    return "^" + "".join(parts) + "$"


def _element(element: Any) -> str:
    if element is None:
        return "NULL"
    return array(element) if isinstance(element, list) else quoted(str(element))


def _encoded(text: str) -> str:
    try:
        return quote(text, safe=_SAFE_IN_QUERY)
    except UnicodeEncodeError:
        raise UnfitValueError(
            "text must not contain half a character (a lone surrogate)",
            store=STORE,
            operation="encode",
            sqlstate="22021",
        ) from None
