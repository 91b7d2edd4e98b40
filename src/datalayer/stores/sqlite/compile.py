"""Questions compiled to SQLite's SQL, once per shape."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from pydantic_core import to_json

from datalayer.errors import UnfitValueError, UnsupportedOperationError
from datalayer.query import Count, Delete, Filter, Group, Negation, Operator, Select, Update
from datalayer.query.filters import Comparison
from datalayer.query.keyset import AfterRow
from datalayer.query.order import OrderBy
from datalayer.stores.catalog import Kind
from datalayer.stores.sqlite import encode, unfit
from datalayer.stores.sqlite.catalog import Facts
from datalayer.stores.sqlite.codecs import Codec, quote
from datalayer.stores.sqlite.name import STORE
from datalayer.stores.sqlite.statements import Parameter, Reader, Statement

_SIGNS = {
    Operator.EQ: "=",
    Operator.NEQ: "<>",
    Operator.GT: ">",
    Operator.GTE: ">=",
    Operator.LT: "<",
    Operator.LTE: "<=",
}
_OPPOSITE = {"and": "or", "or": "and"}
_MOST_IN_A_ROW = 100
_ORDERING = frozenset({Operator.GT, Operator.GTE, Operator.LT, Operator.LTE})


class _Compiled(NamedTuple):
    """A condition's text, how deep it goes, and what joins its members."""

    text: str
    depth: int
    joint: str = ""


class _Builder:
    """Collects one statement's parameters while its text is put together."""

    def __init__(self, facts: Facts, operation: str) -> None:
        self.facts = facts
        self.operation = operation
        self.parameters: list[Parameter] = []
        #: Placeholders of the row that a page continues after, while that filter is compiled.
        self._row: dict[str, str] = {}

    def statement(self, sql: str, columns: Sequence[str] | None = None) -> Statement:
        table = self.facts.table.name
        reader = None if columns is None else Reader(table, [self.facts.codecs[name] for name in columns])
        return Statement(self.operation, table, sql, tuple(self.parameters), reader)

    def where(self, condition: Filter | None) -> str:
        return "" if condition is None else f" where {self._condition(condition).text}"

    def _condition(self, condition: Filter, negated: bool = False) -> _Compiled:
        """Compile a condition.

        SQLite's parser holds about a hundred open symbols, so depth is kept small: NOT moves inwards, which
        three-valued logic allows, only OR inside AND has parentheses, and of several members the deepest comes first.
        Parameters are numbered for that.
        """
        if isinstance(condition, Comparison):
            compared = self._comparison(self.facts.codecs[condition.column], condition.operator)
            return _Compiled(f"not ({compared})" if negated else compared, 0)
        if isinstance(condition, Negation):
            return self._condition(condition.inner, not negated)
        if isinstance(condition, Group):
            joint = _OPPOSITE[condition.joint] if negated else condition.joint
            members = [self._condition(member, negated) for member in condition.members]
            return _joined(sorted(members, key=lambda member: -member.depth), joint)
        if isinstance(condition, AfterRow):
            return self._after(condition, negated)
        raise TypeError(f"not a filter: {type(condition).__name__}")

    def _after(self, after: AfterRow, negated: bool) -> _Compiled:
        required = self.facts.table.never_null
        codecs = [self.facts.codecs[name] for name in after.columns()]
        given = [codec for codec, value in zip(codecs, after.row, strict=True) if value is not None]
        placeholders = [self._add(codec, codec.seek) for codec in given]
        if after.compares_rows(required) and all(codec.ordered for codec in codecs):
            sign = "<" if after.order[0].descending else ">"
            compared = f"({', '.join(codec.compared for codec in codecs)}) {sign} ({', '.join(placeholders)})"
            return _Compiled(f"not ({compared})" if negated else compared, 0)
        self._row = dict(zip([codec.column.name for codec in given], placeholders, strict=True))
        spelled = self._condition(after.spelled_out(required), negated)
        self._row = {}
        return spelled

    def _comparison(self, codec: Codec, operator: Operator) -> str:
        name = quote(codec.column.name)
        if operator is Operator.IS_NULL:
            return f"{name} is null"
        if operator is Operator.IS_NOT_NULL:
            return f"{name} is not null"
        if operator is Operator.IN:
            return f"{codec.listed} in (select value from json_each({self._add(codec, _list_encoder(codec))}))"
        if operator in (Operator.LIKE, Operator.ILIKE):
            return self._like(codec, operator)
        if operator is Operator.CONTAINS:
            return self._contains(codec)
        if operator in _ORDERING and not codec.ordered:
            raise self._without_order(codec)
        placeholder = self._row.get(codec.column.name) or self._add(codec, codec.seek)
        return f"{codec.compared} {_SIGNS[operator]} {placeholder}"

    def _like(self, codec: Codec, operator: Operator) -> str:
        if codec.column.type.kind is not Kind.TEXT or codec.column.type.array:
            raise self._misfit(codec, "patterns match text columns only")
        return f"datalayer_{operator}({quote(codec.column.name)}, {self._add(codec, encode.text)})"

    def _contains(self, codec: Codec) -> str:
        if codec.column.type.array:
            function = "datalayer_array_contains"
        elif codec.column.type.is_json:
            function = "datalayer_json_contains"
        else:
            raise self._misfit(codec, "only arrays and JSON documents contain something")
        return f"{function}({quote(codec.column.name)}, {self._add(codec, codec.write)})"

    def order(self, order: OrderBy) -> str:
        """Return the order; words about NULLs that a column cannot have would keep an index from answering it."""
        parts = []
        for part in order:
            codec = self.facts.codecs[part.column]
            if not codec.ordered:
                raise self._without_order(codec)
            word = f"{codec.compared} {'desc' if part.descending else 'asc'}"
            if codec.column.nullable:
                word += f" nulls {'first' if part.nulls_first else 'last'}"
            parts.append(word)
        return f" order by {', '.join(parts)}" if parts else ""

    def assigned(self, names: Sequence[str]) -> list[str]:
        """Take one value per column and return the placeholders; generated columns are refused."""
        placeholders = []
        for name in names:
            codec = self.facts.codecs[name]
            if codec.column.generated:
                raise self._misfit(codec, "a generated column cannot be written", sqlstate="428C9")
            placeholders.append(self._add(codec, codec.write))
        return placeholders

    def returning(self, wanted: bool) -> str:
        return f" returning {_names(tuple(self.facts.codecs))}" if wanted else ""

    def _add(self, codec: Codec, encoder: encode.Encoder) -> str:
        self.parameters.append(Parameter(codec.column.name, encoder))
        return f"?{len(self.parameters)}"

    def _misfit(self, codec: Codec, reason: str, *, sqlstate: str = unfit.WRONG_TYPE) -> UnfitValueError:
        return UnfitValueError(
            f"{codec.column.name}: {reason}",
            store=STORE,
            operation=self.operation,
            table=self.facts.table.name,
            sqlstate=sqlstate,
            columns=(codec.column.name,),
        )

    def _without_order(self, codec: Codec) -> UnsupportedOperationError:
        return UnsupportedOperationError(
            STORE, f"an order of {codec.column.type.declared} values ({codec.column.name})", "compare by eq or contains"
        )


def _list_encoder(codec: Codec) -> Callable[[Any], str]:
    return lambda values: to_json([codec.spell(value) for value in values]).decode()


def _names(columns: Iterable[str]) -> str:
    return ", ".join(quote(name) for name in columns)


def _joined(members: list[_Compiled], joint: str) -> _Compiled:
    """Join any number of members; many of them as a balanced tree, whose depth SQLite limits."""
    if not members:
        return _Compiled("true" if joint == "and" else "false", 0)
    if len(members) == 1:
        return members[0]
    if len(members) > _MOST_IN_A_ROW:
        half = len(members) // 2
        halves = [_joined(members[:half], joint), _joined(members[half:], joint)]
        return _Compiled(f" {joint} ".join(f"({part.text})" for part in halves), halves[0].depth + 1, joint)
    texts = [f"({member.text})" if (joint, member.joint) == ("and", "or") else member.text for member in members]
    return _Compiled(f" {joint} ".join(texts), members[0].depth + 1, joint)


def select(question: Select, facts: Facts) -> Statement:
    """Compile a select; its values are the filter's, then limit, then offset."""
    build = _Builder(facts, "select")
    columns = question.columns or tuple(facts.codecs)
    sql = f"select {_names(columns)} from {quote(facts.table.name)}"
    sql += build.where(question.where) + build.order(question.order)
    if question.limit is not None or question.offset:
        sql += " limit ? offset ?"
    return build.statement(sql, columns)


def count(question: Count, facts: Facts) -> Statement:
    """Compile a count."""
    build = _Builder(facts, "count")
    return build.statement(f"select count(*) from {quote(facts.table.name)}{build.where(question.where)}")


def write(
    facts: Facts, columns: Sequence[str], target: tuple[str, ...] | None, operation: str, *, returning: bool
) -> Statement:
    """Compile the insert of one row, or with a conflict target its upsert."""
    build = _Builder(facts, operation)
    values = ", ".join(build.assigned(columns))
    into = f"({_names(columns)}) values ({values})" if columns else "default values"
    sql = f"insert into {quote(facts.table.name)} {into}"
    if target is not None:
        changed, _ = split(columns, target)
        sets = ", ".join(f"{quote(name)} = excluded.{quote(name)}" for name in changed)
        sql += f" on conflict ({_names(target)}) do update set {sets}"
    return _returning(build, sql, returning)


def update(question: Update, facts: Facts, operation: str = "update") -> Statement:
    """Compile an update; its values are the changes', then the filter's."""
    build = _Builder(facts, operation)
    names = tuple(question.changes)
    sets = ", ".join(f"{quote(name)} = {value}" for name, value in zip(names, build.assigned(names), strict=True))
    sql = f"update {quote(facts.table.name)} set {sets}{build.where(question.where)}"
    return _returning(build, sql, question.returning)


def partial(facts: Facts, columns: Sequence[str], target: tuple[str, ...], *, returning: bool) -> Statement:
    """Compile the update that comes before the insert of a row without all required columns.

    Its values are those of the other columns, then the target's.
    """
    changed, key = split(columns, target)
    where = Group("and", tuple(Comparison(name, Operator.EQ) for name in key))
    return update(Update(facts.table.name, dict.fromkeys(changed), where, returning=returning), facts, "upsert")


def keyed(facts: Facts, target: tuple[str, ...]) -> Statement:
    """Compile the question whether a key is there; its values are the target's."""
    build = _Builder(facts, "upsert")
    where = Group("and", tuple(Comparison(name, Operator.EQ) for name in target))
    return build.statement(f"select 1 from {quote(facts.table.name)}{build.where(where)}")


def split(columns: Sequence[str], target: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Split an upsert's columns into those it changes, at least one, and its target."""
    return tuple(name for name in columns if name not in target) or target[:1], target


def delete(question: Delete, facts: Facts) -> Statement:
    """Compile a delete."""
    build = _Builder(facts, "delete")
    sql = f"delete from {quote(facts.table.name)}{build.where(question.where)}"
    columns = tuple(facts.codecs) if question.returning else None
    return build.statement(sql + build.returning(question.returning), columns)


def _returning(build: _Builder, sql: str, wanted: bool) -> Statement:
    """Return rows, or where triggers may still change them only what finds them again."""
    if not wanted:
        return build.statement(sql)
    if build.facts.has_triggers:
        return build.statement(f"{sql} returning {_names(build.facts.locator)}")
    return build.statement(sql + build.returning(wanted), tuple(build.facts.codecs))


def reread(facts: Facts, operation: str) -> Statement:
    """Compile the select of one row by its locator."""
    found = " and ".join(f"{quote(name)} = ?" for name in facts.locator)
    columns = tuple(facts.codecs)
    sql = f"select {_names(columns)} from {quote(facts.table.name)} where {found}"
    return _Builder(facts, operation).statement(sql, columns)


def referencing(where: Filter | None, facts: Facts, child: str, pairs: Sequence[tuple[str, str]]) -> Statement:
    """Compile the question whether a child table still refers to the rows that match."""
    build = _Builder(facts, "delete")
    columns, targets = _names([column for column, _ in pairs]), _names([target for _, target in pairs])
    inner = f"select {targets} from {quote(facts.table.name)}{build.where(where)}"
    return build.statement(f"select 1 from {quote(child)} where ({columns}) in ({inner}) limit 1")
