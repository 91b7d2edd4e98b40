"""In what way two values differ: one is NULL, one has fewer digits, their types are unlike, or they are others."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any, Literal, TypeAlias

from datalayer.transfer.canonical import encode
from datalayer.transfer.odd_moments import OddMoment
from datalayer.transfer.unreadable import Unreadable

Class: TypeAlias = Literal["null", "precision", "type", "value"]

#: What a list or a document is said to differ in when its members differ in several ways: the first of these.
_GRAVITY: tuple[Class, ...] = ("type", "null", "value", "precision")
_NUMBERS = (int, float, Decimal)
_SINGLE_PRECISION = Decimal("1e-6")
_MICROSECONDS = (1_000, 1_000_000)


def classify(mine: Any, theirs: Any) -> Class:
    """Say in what way two unequal values differ; both have been brought to their columns' common meaning."""
    if mine is None or theirs is None:
        return "null"
    if Unreadable in (type(mine), type(theirs)):
        return "type"
    if OddMoment in (type(mine), type(theirs)):
        return "value"
    if _is_number(mine) and _is_number(theirs):
        return _numbers(mine, theirs)
    if type(mine) is not type(theirs):
        return "type"
    if isinstance(mine, dt.datetime | dt.time):
        return _moments(_microseconds(mine), _microseconds(theirs))
    if isinstance(mine, list):
        return _members(zip(mine, theirs, strict=True)) if len(mine) == len(theirs) else "value"
    if isinstance(mine, dict):
        return _members((mine[name], theirs[name]) for name in mine) if mine.keys() == theirs.keys() else "value"
    return "value"


def _members(pairs: Any) -> Class:
    found = {classify(mine, theirs) for mine, theirs in pairs if encode(mine) != encode(theirs)}
    return next((each for each in _GRAVITY if each in found), "value")


def _is_number(value: Any) -> bool:
    return isinstance(value, _NUMBERS) and not isinstance(value, bool)


def _numbers(mine: Any, theirs: Any) -> Class:
    """Numbers differ in precision where one is the other cut or rounded at its last decimal place, or as a float is."""
    left, right = _decimal(mine), _decimal(theirs)
    if not (left.is_finite() and right.is_finite()):
        return "value"
    distance = abs(left - right)
    if isinstance(mine, float) or isinstance(theirs, float):
        return "precision" if distance <= max(abs(left), abs(right)) * _SINGLE_PRECISION else "value"
    places = sorted((_places(left), _places(right)))
    return "precision" if places[0] < places[1] and distance < Decimal(1).scaleb(-places[0]) else "value"


def _decimal(value: Any) -> Decimal:
    return Decimal(repr(value)) if isinstance(value, float) else Decimal(value)


def _places(value: Decimal) -> int:
    """Return how many decimal places a number needs."""
    exponent = value.normalize().as_tuple().exponent
    return max(-exponent, 0) if isinstance(exponent, int) else 0


def _moments(mine: int, theirs: int) -> Class:
    """Moments differ in precision where exactly one is whole in milliseconds or seconds, and near the other."""
    for unit in _MICROSECONDS:
        if (mine % unit == 0) != (theirs % unit == 0) and abs(mine - theirs) < unit:
            return "precision"
    return "value"


def _microseconds(value: dt.datetime | dt.time) -> int:
    day = value.toordinal() if isinstance(value, dt.datetime) else 0
    seconds = ((day * 24 + value.hour) * 60 + value.minute) * 60 + value.second
    return seconds * 1_000_000 + value.microsecond
