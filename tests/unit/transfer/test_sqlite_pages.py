"""Pages of SQLite's rows: every row once, few enough bytes at a time, and the connection as it was."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import chain

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datalayer.transfer.joined_rows import MOST_BYTES
from datalayer.transfer.verifying.sqlite_pages import Page, Rows

_ROWS = Rows("t", "n", "v")

_USUAL = 1_000_000_000
_TEXTS = st.lists(st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), min_size=1), min_size=1)


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    """Lend a database with an empty table."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("create table t (n integer primary key, v)")
        yield connection


def _fill(connection: sqlite3.Connection, first: int, last: int, value: str) -> None:
    numbers = f"with recursive a(n) as (select {first} union all select n + 1 from a where n < {last})"
    connection.execute(f"{numbers} insert into t select n, {value} from a")


def _labels(pages: Iterator[Page]) -> list[int]:
    return [int(label) for page in pages for label in page.split()[0]]


def test_each_row_is_on_one_page_in_the_order_of_row_ids(connection: sqlite3.Connection) -> None:
    """Nothing is lost or read twice where one page ends and the next begins."""
    _fill(connection, 1, 23_456, "'row ' || n")
    pages = list(_ROWS.by_row_id(connection, "n"))
    assert _labels(iter(pages)) == list(range(1, 23_457))
    assert list(chain.from_iterable(page.split()[1] for page in pages)) == [
        b"row %d" % number for number in range(1, 23_457)
    ]
    assert 3 < len(pages) < 20


@pytest.mark.parametrize("count", [0, 1, 2, 99, 100, 101, 499, 500, 501])
def test_a_last_page_of_any_size_is_read(connection: sqlite3.Connection, count: int) -> None:
    """Also none, and one that ends with the last row."""
    if count:
        _fill(connection, 1, count, "'x'")
    assert len(_labels(_ROWS.by_row_id(connection, "n"))) == count


@pytest.mark.parametrize("name", ["id", "label", "text"])
def test_the_order_is_that_of_row_ids_whatever_they_are_called(connection: sqlite3.Connection, name: str) -> None:
    """Also by a name that the query has for something else."""
    connection.execute(f"create table named ({name} integer primary key)")
    connection.executemany("insert into named values (?)", [(number,) for number in range(1, 1000)])
    rows = Rows("named", f"1000 - {name}", f"'row ' || (1000 - {name})")
    assert _labels(rows.by_row_id(connection, f'"{name}"')) == list(range(999, 0, -1))


def test_row_ids_at_both_ends_of_their_range_are_read(connection: sqlite3.Connection) -> None:
    """There is no number behind the last one to go on at."""
    ends = [-(2**63), -(2**63) + 1, 0, 2**63 - 2, 2**63 - 1]
    connection.executemany("insert into t values (?, 'x')", [(end,) for end in ends])
    assert _labels(_ROWS.by_row_id(connection, "n")) == ends
    assert _labels(_ROWS.by_row_id(connection, "n", -(2**63) + 1, 2**63 - 2)) == ends[1:-1]
    assert _labels(_ROWS.by_row_id(connection, "n", 1, 5)) == []


def test_wide_rows_make_small_pages_and_one_that_is_wider_its_own(connection: sqlite3.Connection) -> None:
    """However the widths change, no page of several rows has more bytes than memory is meant for."""
    _fill(connection, 1, 6_000, "'narrow'")
    _fill(connection, 6_001, 6_100, "hex(zeroblob(200000))")
    _fill(connection, 6_101, 6_101, "hex(zeroblob(10000000))")
    _fill(connection, 6_102, 9_000, "'narrow'")
    labels: list[int] = []
    alone = []
    for page in _ROWS.by_row_id(connection, "n"):
        labels += map(int, page.split()[0])
        assert len(page.texts) <= MOST_BYTES or page.count == 1
        if len(page.texts) > MOST_BYTES:
            alone.append(page.labels)
    assert labels == list(range(1, 9_001))
    assert alone == [b"6101"]
    assert connection.getlimit(sqlite3.SQLITE_LIMIT_LENGTH) == _USUAL


def test_a_text_that_printf_leaves_out_for_its_length_is_not_lost(connection: sqlite3.Connection) -> None:
    """SQLite's printf() answers NULL, and raises no error, where its text would be longer than is allowed."""
    _fill(connection, 1, 300, "case n when 250 then hex(zeroblob(5000000)) else 'x' end")
    rows = Rows("t", "n", "printf('%s;', v)")
    assert _labels(rows.by_row_id(connection, "n")) == list(range(1, 301))
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 10_000_001)
    longer = Rows("t", "n", "printf('%s;%s', v, v)")
    with pytest.raises(ValueError, match="too long"):
        list(longer.by_row_id(connection, "n"))


def test_a_value_without_a_text_leaves_the_connection_as_it_was(connection: sqlite3.Connection) -> None:
    """An error in the middle of a page is raised, and longer values are allowed again."""
    _fill(connection, 1, 3_000, "n")

    def spell(number: int) -> str:
        if number == 1_777:
            raise ValueError
        return "x"

    connection.create_function("spell", 1, spell, deterministic=True)
    read: list[int] = []
    pages = Rows("t", "n", "spell(v)").by_row_id(connection, "n")
    with pytest.raises(sqlite3.OperationalError, match="user-defined function"):
        read.extend(page.count for page in pages)
    assert 0 < sum(read) < 1_777
    assert connection.getlimit(sqlite3.SQLITE_LIMIT_LENGTH) == _USUAL


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=_TEXTS)
def test_texts_of_any_characters_come_apart_again(connection: sqlite3.Connection, texts: list[str]) -> None:
    """Only a NUL stands between texts, and no text has one; without row ids the pages say the same."""
    connection.execute("delete from t")
    connection.executemany("insert into t values (?, ?)", list(enumerate(texts)))
    expected = [(str(n).encode(), text.encode()) for n, text in enumerate(texts)]
    for pages in (_ROWS.by_row_id(connection, "n"), _ROWS.by_condition(connection, "")):
        assert list(chain.from_iterable(zip(*page.split(), strict=True) for page in pages)) == expected


def test_rows_without_row_ids_come_in_pages_too(connection: sqlite3.Connection) -> None:
    """A page ends when it has enough rows, or enough bytes, and the last one may have less."""
    _fill(connection, 1, 7_000, "'x'")
    _fill(connection, 7_001, 7_010, "hex(zeroblob(300000))")
    pages = list(_ROWS.by_condition(connection, " where n > 500"))
    assert _labels(iter(pages)) == list(range(501, 7_011))
    assert max(len(page.texts) for page in pages) < 2 << 20
    assert len(pages) > 5


def test_texts_in_utf_16_are_refused() -> None:
    """Half of their bytes would look like what stands between them."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(
            "pragma encoding = 'UTF-16le'; create table t (n integer primary key, v); insert into t values (1, 'ab')"
        )
        (page,) = _ROWS.by_row_id(connection, "n")
        with pytest.raises(ValueError, match="encoding"):
            page.split()
