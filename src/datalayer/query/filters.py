"""Filters: what a WHERE clause says, without a database.

    col("visit_count").gte(3) & (col("email").is_null() | ~col("status").eq("lost"))

A filter splits into its *shape* (columns, operators and structure: hashable, what a statement is compiled for)
and its *values* (what is bound at each call), so a store compiles a question once however often it is asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeAlias

from datalayer.errors import InvalidValueError


class Operator(StrEnum):
    """Comparison operators of the question language; NULL is matched by none but the two that name it."""

    EQ = "eq"
    NEQ = "neq"
    GT = "gt"
    GTE = "gte"
    LT = "lt"
    LTE = "lte"
    IN = "in"
    IS_NULL = "is_null"
    IS_NOT_NULL = "is_not_null"
    LIKE = "like"
    ILIKE = "ilike"
    CONTAINS = "contains"


Shape: TypeAlias = tuple[Any, ...]


class Filter:
    """Base of all filters. Combine with ``&``, ``|`` and ``~``."""

    __slots__ = ()

    shape: Shape

    def values(self) -> tuple[Any, ...]:
        """Bound values, in the order their operators appear in the shape."""
        raise TypeError("a filter is built by col(...), where_equal(...), &, | or ~")

    def columns(self) -> Iterator[str]:
        """Columns the filter looks at; a column may come several times."""
        raise TypeError("a filter is built by col(...), where_equal(...), &, | or ~")

    def __and__(self, other: Filter) -> Filter:
        return Group("and", (*_members("and", self), *_members("and", other)))

    def __or__(self, other: Filter) -> Filter:
        return Group("or", (*_members("or", self), *_members("or", other)))

    def __invert__(self) -> Filter:
        return Negation(self)

    def __bool__(self) -> bool:
        raise InvalidValueError("a filter has no truth of its own; join filters with &, | and ~, not with and, or, not")


@dataclass(frozen=True, slots=True)
class Comparison(Filter):
    """One column against one value (none for the NULL tests, a tuple for ``in``)."""

    column: str
    operator: Operator
    value: Any = None
    shape: Shape = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", (self.operator, self.column))

    def values(self) -> tuple[Any, ...]:
        """Return the value unless the operator takes none."""
        return () if self.operator in _WITHOUT_VALUE else (self.value,)

    def columns(self) -> Iterator[str]:
        """Yield the one column."""
        yield self.column


@dataclass(frozen=True, slots=True)
class Group(Filter):
    """Several filters joined by ``and`` or ``or``; an empty ``and`` is true, an empty ``or`` is false."""

    joint: str
    members: tuple[Filter, ...]
    shape: Shape = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", (self.joint, *[m.shape for m in self.members]))

    def values(self) -> tuple[Any, ...]:
        """Return the members' values in order."""
        found: list[Any] = []
        for member in self.members:
            found += member.values()
        return tuple(found)

    def columns(self) -> Iterator[str]:
        """Yield the members' columns in order."""
        for member in self.members:
            yield from member.columns()


@dataclass(frozen=True, slots=True)
class Negation(Filter):
    """NOT in SQL's three-valued logic: a row whose inner answer is unknown matches neither way."""

    inner: Filter
    shape: Shape = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", ("not", self.inner.shape))

    def values(self) -> tuple[Any, ...]:
        """Return the inner filter's values."""
        return self.inner.values()

    def columns(self) -> Iterator[str]:
        """Yield the inner filter's columns."""
        return self.inner.columns()


_WITHOUT_VALUE = frozenset({Operator.IS_NULL, Operator.IS_NOT_NULL})


def _members(joint: str, part: Filter) -> tuple[Filter, ...]:
    return part.members if isinstance(part, Group) and part.joint == joint else (part,)


@dataclass(frozen=True, slots=True, eq=False)
class col:  # noqa: N801 - reads as a word of the filter language
    """A column to build comparisons from. ``None`` is refused as a value: say ``is_null``."""

    name: str

    def eq(self, value: Any) -> Comparison:
        """Equal; never matches NULL."""
        return self._compare(Operator.EQ, value)

    def neq(self, value: Any) -> Comparison:
        """Not equal; never matches NULL."""
        return self._compare(Operator.NEQ, value)

    def gt(self, value: Any) -> Comparison:
        """Greater than."""
        return self._compare(Operator.GT, value)

    def gte(self, value: Any) -> Comparison:
        """Greater than or equal."""
        return self._compare(Operator.GTE, value)

    def lt(self, value: Any) -> Comparison:
        """Less than."""
        return self._compare(Operator.LT, value)

    def lte(self, value: Any) -> Comparison:
        """Less than or equal."""
        return self._compare(Operator.LTE, value)

    def in_(self, values: Iterable[Any]) -> Comparison:
        """Equal to one of the values, any number of them; of none matches nothing."""
        listed = _distinct(values)
        if any(value is None for value in listed):
            raise InvalidValueError("NULL is never equal to anything; add `| col(...).is_null()`", field=self.name)
        return Comparison(self.name, Operator.IN, listed)

    def is_null(self) -> Comparison:
        """SQL NULL (not the JSON value null)."""
        return Comparison(self.name, Operator.IS_NULL)

    def is_not_null(self) -> Comparison:
        """Anything but SQL NULL."""
        return Comparison(self.name, Operator.IS_NOT_NULL)

    def like(self, pattern: str) -> Comparison:
        r"""Match the whole text; ``%`` and ``_`` are wildcards, ``\`` escapes. See :func:`escape_like`."""
        return self._compare(Operator.LIKE, _checked_pattern(self.name, pattern))

    def ilike(self, pattern: str) -> Comparison:
        """Like :meth:`like`, in any case, in any script."""
        return self._compare(Operator.ILIKE, _checked_pattern(self.name, pattern))

    def contains(self, value: Any) -> Comparison:
        """An array that has all given elements, or a JSON document that has the given one inside (``@>``)."""
        return self._compare(Operator.CONTAINS, value)

    def __eq__(self, other: object) -> bool:
        raise InvalidValueError("compare columns with eq, gt, lt and the like, not with ==", field=self.name)

    def __hash__(self) -> int:
        return hash(self.name)

    def _compare(self, operator: Operator, value: Any) -> Comparison:
        if value is None:
            raise InvalidValueError("NULL is never equal to anything; use is_null() or is_not_null()", field=self.name)
        return Comparison(self.name, operator, value)


def _distinct(values: Iterable[Any]) -> tuple[Any, ...]:
    """Drop repeats, 1 and True being two values; documents and arrays cannot be hashed and are all kept."""
    listed = tuple(values)
    try:
        return tuple(value for _, value in dict.fromkeys((type(value), value) for value in listed))
    except TypeError:
        return listed


def escape_like(text: str) -> str:
    r"""Escape ``%``, ``_`` and ``\`` so that a pattern matches them literally."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _checked_pattern(column: str, pattern: str) -> str:
    """Refuse a pattern that ends in a lone escape: PostgreSQL raises, SQLite would guess."""
    if (len(pattern) - len(pattern.rstrip("\\"))) % 2:
        raise InvalidValueError("a LIKE pattern must not end with a single backslash", field=column)
    return pattern


def where_equal(**values: Any) -> Filter:
    """All columns equal their values; ``None`` means IS NULL."""
    members = [
        Comparison(name, Operator.IS_NULL) if value is None else Comparison(name, Operator.EQ, value)
        for name, value in values.items()
    ]
    return members[0] if len(members) == 1 else Group("and", tuple(members))
