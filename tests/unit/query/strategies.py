"""Random rows, filters and orders over three small columns, so that ties, NULLs and matches are frequent."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from datalayer.query import Filter, Order, OrderBy, col

NUMBERS = st.integers(min_value=-3, max_value=3)
WORDS = st.text(alphabet="abЖ%_\\", max_size=3)
FLAGS = st.booleans()
COLUMNS: dict[str, st.SearchStrategy[Any]] = {"number": NUMBERS, "word": WORDS, "flag": FLAGS}


def row_lists(max_size: int = 30) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Rows with a unique ``id`` and a NULL in any other column."""
    row = st.fixed_dictionaries({name: st.none() | values for name, values in COLUMNS.items()})
    return st.lists(row, max_size=max_size).map(lambda rows: [{"id": i, **row} for i, row in enumerate(rows, 1)])


def _comparisons() -> st.SearchStrategy[Filter]:
    def of_column(name: str) -> st.SearchStrategy[Filter]:
        column, values = col(name), COLUMNS[name]
        against_value = st.sampled_from([column.eq, column.neq, column.gt, column.gte, column.lt, column.lte])
        return st.one_of(
            st.builds(lambda build, value: build(value), against_value, values),
            st.lists(values, max_size=3).map(column.in_),
            st.sampled_from([column.is_null(), column.is_not_null()]),
        )

    patterns = WORDS.filter(lambda text: (len(text) - len(text.rstrip("\\"))) % 2 == 0)
    likes = st.one_of(patterns.map(col("word").like), patterns.map(col("word").ilike))
    return st.one_of(st.sampled_from(sorted(COLUMNS)).flatmap(of_column), likes)


def filters() -> st.SearchStrategy[Filter]:
    """Comparisons joined by and, or and not, a few levels deep."""
    return st.recursive(
        _comparisons(),
        lambda inner: st.one_of(
            st.builds(lambda a, b: a & b, inner, inner),
            st.builds(lambda a, b: a | b, inner, inner),
            inner.map(lambda a: ~a),
        ),
        max_leaves=6,
    )


def orders() -> st.SearchStrategy[OrderBy]:
    """Any columns, either direction, NULLs at either end."""
    part = st.builds(Order, st.sampled_from(sorted(COLUMNS)), st.booleans(), st.booleans())
    return st.lists(part, max_size=3, unique_by=lambda order: order.column).map(tuple)
