"""The enums and domains of one column on both sides: labels, bases, rules."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from datalayer.stores.catalog import Column, DomainType, EnumType, OwnType, Table
from datalayer.transfer.ddl.own_types import described
from datalayer.transfer.schemas.reports import Weight


def compare_own_types(
    source: tuple[Table, Column], target: tuple[Table, Column], *, fits: bool
) -> Iterator[tuple[Weight, str]]:
    """Yield what differs.

    Args:
        source: a table and its column.
        fits: every text that is there now is one of the labels of the target's enum.
    """
    mine, theirs = (table.own_type(column.type.declared) for table, column in (source, target))
    if mine == theirs:
        return
    if isinstance(mine, EnumType) and isinstance(theirs, EnumType):
        yield from _labels(mine, theirs)
    elif isinstance(mine, DomainType) and isinstance(theirs, DomainType):
        yield from _domains(mine, theirs)
    elif mine is not None and theirs is not None:
        yield Weight.LOSES, f"is the {described(mine)} in the source and the {described(theirs)} in the target"
    elif theirs is not None and not (fits and isinstance(theirs, EnumType)):
        yield _only_target(theirs)
    elif mine is not None:
        yield _only_source(mine)


def _only_target(own: OwnType) -> tuple[Weight, str]:
    is_of = f"is of the {described(own)} in the target alone"
    if isinstance(own, DomainType) and own.nullable and not own.checks:
        return Weight.HARMLESS, is_of
    return Weight.BLOCKS, f"{is_of}: a value that it refuses stops the move"


def _only_source(own: OwnType) -> tuple[Weight, str]:
    is_of = f"is of the {described(own)} in the source alone"
    if isinstance(own, EnumType):
        return Weight.LOSES, f"{is_of}: the order of its labels is lost"
    rules = bool(own.checks or own.default) or not own.nullable
    return (Weight.LOSES, f"{is_of}: its rules are lost") if rules else (Weight.HARMLESS, is_of)


def _labels(mine: EnumType, theirs: EnumType) -> Iterator[tuple[Weight, str]]:
    lacking = [label for label in mine.labels if label not in theirs.labels]
    more = [label for label in theirs.labels if label not in mine.labels]
    if lacking:
        what = (
            f"is of the {described(theirs)}, which lacks the labels {', '.join(lacking)}: a row with one stops the move"
        )
        yield Weight.BLOCKS, what
    if more:
        yield Weight.HARMLESS, f"is of the {described(theirs)}, which has more labels in the target: {', '.join(more)}"
    if _shared(mine.labels, theirs.labels) != _shared(theirs.labels, mine.labels):
        yield Weight.LOSES, f"is of the {described(mine)}, which has its labels in another order in the target"


def _shared(labels: Sequence[str], others: Sequence[str]) -> list[str]:
    return [label for label in labels if label in others]


def _domains(mine: DomainType, theirs: DomainType) -> Iterator[tuple[Weight, str]]:
    is_of = f"is of the {described(theirs)}"
    checks, others = ({text for _, text in own.checks} for own in (mine, theirs))
    if mine.base != theirs.base:
        yield Weight.BLOCKS, f"{is_of} over {mine.base} in the source and over {theirs.base} in the target"
    if others - checks or (mine.nullable and not theirs.nullable):
        rules = [*sorted(others - checks), *(["NOT NULL"] if mine.nullable and not theirs.nullable else [])]
        yield Weight.BLOCKS, f"{is_of}, which asks for more in the target: {', '.join(rules)}"
    if checks - others or (theirs.nullable and not mine.nullable):
        rules = [*sorted(checks - others), *(["NOT NULL"] if theirs.nullable and not mine.nullable else [])]
        yield Weight.LOSES, f"{is_of}, which is missing from the target: {', '.join(rules)}"
    if mine.default != theirs.default:
        yield Weight.LOSES, f"{is_of}, whose default is {mine.default} in the source and {theirs.default} in the target"
