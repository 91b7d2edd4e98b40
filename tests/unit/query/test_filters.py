"""Filters: how they are built, what they refuse, and how they split into shape and values."""

from __future__ import annotations

import pytest
from tests.unit.query.reference import answer

from datalayer.errors import InvalidValueError
from datalayer.query import Comparison, Filter, Group, Negation, Operator, col, escape_like, where_equal

COMPARISONS = [col("a").eq, col("a").neq, col("a").gt, col("a").gte, col("a").lt, col("a").lte, col("a").contains]


@pytest.mark.parametrize("build", COMPARISONS)
def test_comparison_refuses_none_and_names_the_column(build: object) -> None:
    """NULL is never equal to anything, so None as a value is a mistake said at once."""
    assert callable(build)
    with pytest.raises(InvalidValueError, match="is_null") as caught:
        build(None)
    assert caught.value.field == "a"


def test_in_refuses_none_among_its_values() -> None:
    """A NULL in a list would silently match nothing, or everything under NOT."""
    with pytest.raises(InvalidValueError, match="is_null"):
        col("a").in_([1, None])


def test_in_drops_repeated_values_and_keeps_their_order() -> None:
    """A list with repeats asks the same question as one without."""
    assert col("a").in_([3, 1, 3, 2, 1]).value == (3, 1, 2)


def test_in_tells_equal_values_of_different_types_apart() -> None:
    """1 and True are equal in Python and two different JSON documents."""
    assert [type(value) for value in col("a").in_([1, True, 1, True]).value] == [int, bool]


def test_in_takes_values_that_cannot_be_hashed() -> None:
    """Documents and arrays may be listed too."""
    assert col("a").in_([{"x": 1}, ["y"]]).value == ({"x": 1}, ["y"])


def test_in_takes_any_iterable() -> None:
    """A generator of values is as good as a list."""
    assert col("a").in_(n * n for n in range(3)).value == (0, 1, 4)


@pytest.mark.parametrize("pattern", ["\\", "a\\", "a\\\\\\"])
def test_like_refuses_a_pattern_that_ends_in_a_lone_backslash(pattern: str) -> None:
    """PostgreSQL raises on such a pattern and other stores guess, so it is refused for all."""
    with pytest.raises(InvalidValueError, match="backslash"):
        col("a").like(pattern)
    with pytest.raises(InvalidValueError, match="backslash"):
        col("a").ilike(pattern)


@pytest.mark.parametrize("pattern", ["a\\\\", "\\%", "%", ""])
def test_like_takes_a_pattern_whose_escapes_are_complete(pattern: str) -> None:
    """Complete escapes and bare wildcards are patterns."""
    assert col("a").like(pattern).value == pattern


@pytest.mark.parametrize("text", ["50%", "a_b", "C:\\dir", "\\", "%_\\", "простой", ""])
def test_escaped_text_matches_itself_and_nothing_near(text: str) -> None:
    """escape_like makes a pattern that matches the text and only it."""
    where = col("a").like(escape_like(text))
    assert answer(where, {"a": text}) is True
    assert answer(where, {"a": text + "x"}) is False
    assert answer(where, {"a": text.replace("%", "x").replace("_", "y").replace("\\", "z") + "!"}) is False


def test_and_or_flatten_their_own_kind_only() -> None:
    """A & b & c is one group of three; mixed joints nest as written."""
    a, b, c = col("a").eq(1), col("b").eq(2), col("c").eq(3)
    assert a & b & c == Group("and", (a, b, c))
    assert a & (b & c) == Group("and", (a, b, c))
    assert a | b | c == Group("or", (a, b, c))
    assert (a | b) & c == Group("and", (Group("or", (a, b)), c))
    assert ~(a & b) & c == Group("and", (Negation(Group("and", (a, b))), c))


def test_filters_with_other_values_have_one_shape() -> None:
    """A store compiles a statement once per shape, whatever the values."""
    one = col("a").eq(1) & (col("b").is_null() | ~col("c").like("x%"))
    other = col("a").eq(99) & (col("b").is_null() | ~col("c").like("y"))
    assert one.shape == other.shape
    assert hash(one.shape) == hash(other.shape)
    assert one != other


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (col("a").eq(1), col("b").eq(1)),
        (col("a").eq(1), col("a").neq(1)),
        (col("a").eq(1) & col("b").eq(1), col("a").eq(1) | col("b").eq(1)),
        (col("a").eq(1) & col("b").eq(1), col("b").eq(1) & col("a").eq(1)),
        (col("a").eq(1), ~col("a").eq(1)),
        ((col("a").eq(1) | col("b").eq(1)) & col("c").eq(1), col("a").eq(1) | (col("b").eq(1) & col("c").eq(1))),
    ],
)
def test_different_questions_have_different_shapes(one: Filter, other: Filter) -> None:
    """A cached statement must never answer another question."""
    assert one.shape != other.shape


def test_values_come_in_the_order_of_the_shape() -> None:
    """Values are bound by position: NULL tests bind nothing, an in-list binds one tuple."""
    where = col("a").eq(1) & (col("b").is_null() | ~col("c").in_([2, 3])) & col("d").contains([4])
    assert list(where.values()) == [1, (2, 3), [4]]
    assert list(where.columns()) == ["a", "b", "c", "d"]


def test_where_equal_reads_none_as_is_null() -> None:
    """where_equal is the one place where None has a meaning."""
    assert where_equal(a=1) == col("a").eq(1)
    assert where_equal(a=1, b=None) == Group("and", (col("a").eq(1), Comparison("b", Operator.IS_NULL)))


def test_empty_groups_are_true_for_and_false_for_or() -> None:
    """The empty conjunction holds for every row, the empty disjunction for none."""
    assert answer(where_equal(), {}) is True
    assert answer(Group("or", ()), {}) is False


def test_base_filter_says_how_to_build_one() -> None:
    """A bare Filter is no question."""
    with pytest.raises(TypeError, match="col"):
        Filter().values()
    with pytest.raises(TypeError, match="col"):
        Filter().columns()
