r"""like and ilike: % and _ as wildcards, and % _ \ * as literals."""

from __future__ import annotations

import pytest
from tests.integration.behaviour.asking import labels, put

from datalayer.query import col, escape_like
from datalayer.stores.contract import Store

NAMES = (
    "Анна",
    "анна-мария",
    "Иоанна",
    "50%",
    "50 percent",
    "a_b",
    "axb",
    "C:\\dir",
    "C:dir",
    "a*b",
    "a,b",
    "a.b",
    "(a)",
    'say "hi"',
    "it's",
    "{x}",
    "line\nbreak",
    "",
)


@pytest.fixture
async def named(store: Store) -> Store:
    """Lend the store with one thing per name, and one without."""
    await put(store, "things", *({"label": name} for name in NAMES), {"label": None})
    return store


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("%анна", ["Иоанна"]),
        ("%анна%", ["анна-мария", "Иоанна"]),
        ("Анна", ["Анна"]),
        ("50%", ["50%", "50 percent"]),
        ("50\\%", ["50%"]),
        ("a_b", ["a_b", "axb", "a*b", "a,b", "a.b"]),
        ("a\\_b", ["a_b"]),
        ("C:\\\\%", ["C:\\dir"]),
        ("\\C:_ir", ["C:dir"]),
        ("a*b", ["a*b"]),
        ("%*%", ["a*b"]),
        ("*", []),
        ("%,%", ["a,b"]),
        ("(_)", ["(a)"]),
        ('%"%', ['say "hi"']),
        ("%'%", ["it's"]),
        ("{_}", ["{x}"]),
        ("line%break", ["line\nbreak"]),
        ("line_break", ["line\nbreak"]),
        ("", [""]),
        ("%", list(NAMES)),
    ],
)
async def test_like_matches_whole_texts_with_wildcards(named: Store, pattern: str, expected: list[str]) -> None:
    """% stands for any text, _ for one character, a backslash takes the next literally; NULL never matches."""
    assert await labels(named, col("label").like(pattern)) == expected


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("%АННА%", ["Анна", "анна-мария", "Иоанна"]),
        ("анна", ["Анна"]),
        ("c:\\\\DIR", ["C:\\dir"]),
        ("A\\_B", ["a_b"]),
        ("A*B", ["a*b"]),
    ],
)
async def test_ilike_matches_in_any_case_and_script(named: Store, pattern: str, expected: list[str]) -> None:
    """Cyrillic letters have two cases like Latin ones."""
    assert await labels(named, col("label").ilike(pattern)) == expected


async def test_negated_like_leaves_out_null(named: Store) -> None:
    """Whether a NULL is like something is unknown, and so is the contrary."""
    found = await labels(named, ~col("label").like("%a%"))
    assert None not in found
    assert "Анна" in found
    assert "axb" not in found


async def test_every_name_is_found_by_its_escaped_self_alone(named: Store) -> None:
    """escape_like makes user input harmless, as a whole text and as a part of one."""
    for name in NAMES:
        assert await labels(named, col("label").like(escape_like(name))) == [name]
        assert name in await labels(named, col("label").like(f"%{escape_like(name)}%"))


async def test_like_patterns_join_with_other_filters(named: Store) -> None:
    """Inside a group a pattern with commas, dots and parentheses is still one value."""
    tricky = col("label").like("%,%") | col("label").like("(%)") | col("label").like("%.%")
    assert await labels(named, tricky & col("label").is_not_null()) == ["a,b", "a.b", "(a)"]
    starred = col("label").like("%*%") | col("label").ilike("IT'S")
    assert await labels(named, starred) == ["a*b", "it's"]
