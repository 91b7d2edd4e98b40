"""Splits a SQL file into its statements, each with its line, so that an error names the place.

Quotes, dollar quotes, comments and parentheses hide semicolons; so does the body of a SQLite trigger or of an SQL
function, from ``begin`` to its ``end``. Source: psql's own scanner, src/fe_utils/psqlscan.l.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from datalayer.errors import MigrationError

_TOKEN = re.compile(
    r"""
      (?P<space>\s+ | --[^\n]*)
    | (?P<comment>/\*)
    | (?P<quoted>[eE]'(?:[^'\\]|\\.|'')*' | '(?:[^']|'')*' | "(?:[^"]|"")*")
    | (?P<dollar>\$(?:[^\W\d]\w*)?\$)
    | (?P<word>[^\W\d][\w$]*)
    | (?P<mark>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT_MARK = re.compile(r"/\*|\*/")
_BODY_OPENER = re.compile(r"create (or replace )?(temp |temporary )?(function|procedure|trigger)\b")
_WORDS_TO_KNOW_A_STATEMENT = 4


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement without its semicolon. ``line`` is where it begins in the file, counted from 1."""

    text: str
    line: int

    @property
    def first_word(self) -> str:
        """The verb, in lower case."""
        found = re.match(r"\w+", self.text)
        return found[0].lower() if found else ""


@dataclass(slots=True)
class _Nesting:
    """How deep the scan is inside of one statement."""

    parentheses: int = 0
    bodies: int = 0
    words: list[str] = field(default_factory=list)

    def take(self, kind: str, text: str) -> None:
        if kind == "word":
            self._take_word(text.lower())
        elif text == "(":
            self.parentheses += 1
        elif text == ")":
            self.parentheses = max(0, self.parentheses - 1)

    def _take_word(self, word: str) -> None:
        if len(self.words) < _WORDS_TO_KNOW_A_STATEMENT:
            self.words.append(word)
        if self.parentheses or not _BODY_OPENER.match(" ".join(self.words)):
            return
        # CASE has an END of its own, which counts only inside of a body.
        if word == "begin" or (word == "case" and self.bodies):
            self.bodies += 1
        elif word == "end" and self.bodies:
            self.bodies -= 1

    @property
    def inside(self) -> bool:
        return self.parentheses > 0 or self.bodies > 0


def split(sql: str, *, source: str) -> list[Statement]:
    """Return the statements in order, comments around them left out.

    Args:
        sql: the file's text.
        source: the file's name, for errors.

    Raises:
        MigrationError: a quote, comment, parenthesis or body is never closed; says where it or its statement begins.
    """
    statements: list[Statement] = []
    start: int | None = None
    nesting = _Nesting()
    for kind, text, position in _tokens(sql, source):
        if text == ";" and not nesting.inside:
            if start is not None:
                statements.append(Statement(sql[start:position], _line(sql, start)))
            start, nesting = None, _Nesting()
            continue
        start = position if start is None else start
        nesting.take(kind, text)
    if start is not None:
        if nesting.inside:
            raise _unclosed("the statement", sql, start, source)
        statements.append(Statement(sql[start:].rstrip(), _line(sql, start)))
    return statements


def _tokens(sql: str, source: str) -> Iterator[tuple[str, str, int]]:
    """Yield kind, text and position of everything but space and comments; a quoted text is one token."""
    position = 0
    while found := _TOKEN.match(sql, position):
        kind, start, end = found.lastgroup or "", found.start(), found.end()
        if kind == "comment":
            end = _after_comment(sql, start, source)
        elif kind == "dollar":
            closing = sql.find(found[0], end)
            if closing < 0:
                raise _unclosed(f"the quote {found[0]}", sql, start, source)
            end = closing + len(found[0])
        elif kind == "mark" and found[0] in "'\"":
            raise _unclosed(f"the quote {found[0]}", sql, start, source)
        if kind not in {"space", "comment"}:
            yield kind, sql[start:end], start
        position = end


def _after_comment(sql: str, start: int, source: str) -> int:
    """Return the position after a block comment; they nest in PostgreSQL."""
    depth = 0
    for mark in _COMMENT_MARK.finditer(sql, start):
        depth += 1 if mark[0] == "/*" else -1
        if depth == 0:
            return mark.end()
    raise _unclosed("the comment", sql, start, source)


def _line(sql: str, position: int) -> int:
    return sql.count("\n", 0, position) + 1


def _unclosed(what: str, sql: str, position: int, source: str) -> MigrationError:
    return MigrationError(f"{source}, line {_line(sql, position)}: {what} that begins here is never closed")
