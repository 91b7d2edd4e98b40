"""Names and values in PostgREST's query language."""

from __future__ import annotations

import re

import pytest

from datalayer.errors import UnfitValueError
from datalayer.stores.supabase import quoting


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("plain", "plain"),
        ("2024-01-01T10:00:00+03:00", "2024-01-01T10:00:00+03:00"),
        ("", '""'),
        ("a,b", '"a,b"'),
        ("(a)", '"(a)"'),
        ('say "hi"', '"say \\"hi\\""'),
        ("back\\slash", '"back\\\\slash"'),
        ("two words", '"two words"'),
    ],
)
def test_value_is_quoted_where_it_would_be_punctuation(text: str, written: str) -> None:
    """Only plain values stay bare: quotes cost room in a URL."""
    assert quoting.value(text) == written


def test_name_is_quoted_unless_it_is_plain() -> None:
    """Reserved words need no quotes where only names stand; spaces, dots and letters of other scripts do."""
    assert [quoting.name(name) for name in ("select", "a_1", "two words", "dot.ted", 'q"')] == [
        "select",
        "a_1",
        '"two words"',
        '"dot.ted"',
        '"q\\""',
    ]


def test_array_literal_quotes_elements_and_not_null() -> None:
    """The text NULL and the element NULL stay apart, at any depth."""
    assert quoting.array(["a", None, "NULL", 'q"\\']) == '{"a",NULL,"NULL","q\\"\\\\"}'
    assert quoting.array([["1", None], []]) == '{{"1",NULL},{}}'


def test_query_string_escapes_separators_and_spares_punctuation() -> None:
    """Ampersand, semicolon, plus and percent would split or change a parameter; commas and parentheses would not."""
    assert quoting.query_string([("and", '(a.eq."x&y;z+%")')]) == "and=(a.eq.%22x%26y%3Bz%2B%25%22)"
    assert quoting.query_string([("a", "1"), ("b", "п")]) == "a=1&b=%D0%BF"


def test_lone_surrogate_is_refused() -> None:
    """Half of a character has no encoding."""
    with pytest.raises(UnfitValueError, match="surrogate"):
        quoting.query_string([("a", "\ud800")])


@pytest.mark.parametrize(
    ("pattern", "matching", "other"),
    [
        ("a*b", "a*b", "aab"),
        ("%*", "x.y*", "x.y"),
        ("_*_", "a*b", "a**b"),
        ("50\\%*", "50%*", "500*"),
        ("a\\_*", "a_*", "ab*"),
        ("\\\\*", "\\*", "*"),
        ("*[x](y){z}|^$.+?", "*[x](y){z}|^$.+?", "x"),
        ("line%*", "line\nbreak*", "line"),
    ],
)
def test_regex_for_like_means_what_the_pattern_means(pattern: str, matching: str, other: str) -> None:
    """The expression is anchored, % and _ are wildcards unless escaped, all else is literal."""
    expression = re.compile(quoting.regex_for_like(pattern), re.DOTALL)
    assert expression.fullmatch(matching)
    assert not expression.fullmatch(other)
