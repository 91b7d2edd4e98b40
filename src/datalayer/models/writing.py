"""What may be written: a row, or a part of one, checked against its model's types and its rules for writing.

For each model an all-optional twin is derived: its fields carry the rules that reading leaves out, and a column that
the model does not have is refused.
"""

from __future__ import annotations

import difflib
import functools
import operator
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from types import GenericAlias, UnionType
from typing import Annotated, Any, TypeAlias, Union, get_args, get_origin

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationError,
    WrapValidator,
    create_model,
)
from pydantic.fields import FieldInfo

from datalayer.errors import BadField, BatchItemError, InvalidValueError
from datalayer.models.base import OnWrite
from datalayer.models.batches import BatchChecker, has_aliases

#: A row to be written: a model of which the fields that were set count, or columns and values.
GivenRow: TypeAlias = BaseModel | Mapping[str, Any]

_FIELD_VALIDATORS = {
    "after": AfterValidator,
    "before": BeforeValidator,
    "plain": PlainValidator,
    "wrap": WrapValidator,
}


class RowWriter:
    """Checks rows of one model before they are written. Get one from :func:`writer_of`.

    A plain model's field validators hold here too; its model validators do not, for they judge a whole row.
    """

    def __init__(self, model: type[BaseModel]) -> None:
        model.model_rebuild()
        self._model = model
        self._columns = [field.alias or name for name, field in model.model_fields.items()]
        self._twin = _all_optional(model)
        self._batches = None if has_aliases(self._twin) else BatchChecker(self._twin, _annotations(model))

    def check(
        self,
        row: GivenRow,
        context: Mapping[str, Any],
        *,
        required: tuple[str, ...] = (),
        stamps: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Answer the given columns as they are to be written.

        Args:
            context: what rules may look at; pydantic's validation context.
            required: columns that the row must have a value for.
            stamps: columns laid over the row before it is checked.

        Raises:
            InvalidValueError: one of the rules, the types or the names is broken; says which field.
        """
        checked, problems = self._judge(0, row, context, required, stamps)
        if problems:
            first, *others = problems
            rule = "; ".join([first.rule, *(f"{other.field}: {other.rule}" for other in others)])
            raise InvalidValueError(rule, field=first.field)
        return checked

    def check_batches(
        self,
        rows: Iterable[GivenRow],
        context: Mapping[str, Any],
        *,
        batch_rows: int,
        required: tuple[str, ...] = (),
        stamps: Mapping[str, Any] | None = None,
    ) -> Iterator[list[dict[str, Any]]]:
        """Yield the rows as :meth:`check` answers them, ``batch_rows`` at a time; no rows from the first bad one on.

        Raises:
            BatchItemError: at the end; names every bad field of all rows, those after the first bad one included.
        """
        problems: list[BadField] = []
        following, first = iter(rows), 0
        while part := list(islice(following, batch_rows)):
            batch = None if problems else self._checked_whole(part, context, required, stamps)
            if batch is None:
                batch = []
                for index, row in enumerate(part, first):
                    checked, found = self._judge(index, row, context, required, stamps)
                    problems += found
                    batch.append(checked)
            first += len(part)
            yield [] if problems else batch
        if problems:
            raise BatchItemError(problems)

    def _checked_whole(
        self,
        rows: Sequence[GivenRow],
        context: Mapping[str, Any],
        required: tuple[str, ...],
        stamps: Mapping[str, Any] | None,
    ) -> list[dict[str, Any]] | None:
        """Answer rows that are all right; None where they have to be looked at one by one."""
        if self._batches is None:
            return None
        given = []
        for row in rows:
            values: dict[str, Any] | None = row if type(row) is dict else _given_values(row)
            if values is None:
                return None
            given.append({**values, **stamps} if stamps else values)
        return self._batches.checked(given, context, required)

    def _judge(
        self,
        index: int,
        row: GivenRow,
        context: Mapping[str, Any],
        required: tuple[str, ...],
        stamps: Mapping[str, Any] | None,
    ) -> tuple[dict[str, Any], list[BadField]]:
        """Answer the row as it is to be written, and what is wrong with it."""
        values = _given_values(row)
        if values is None:
            return {}, [BadField(index, "row", "a row is a model or a mapping from column to value")]
        if stamps:
            values.update(stamps)
        missing = [name for name in required if values.get(name) is None]
        problems = [BadField(index, name, "is required") for name in missing]
        try:
            twin = self._twin.__pydantic_validator__.validate_python(values, context=context)
        except ValidationError as error:
            problems += [problem for problem in self._problems(error, index) if problem.field not in missing]
            return {}, problems
        dump = self._twin.__pydantic_serializer__.to_python
        return dump(twin, include=twin.model_fields_set, by_alias=True), problems

    def _problems(self, error: ValidationError, index: int) -> list[BadField]:
        details = error.errors(include_url=False, include_input=False, include_context=False)
        return [
            BadField(index, ".".join(str(part) for part in detail["loc"]) or "row", self._rule(detail["type"], detail))
            for detail in details
        ]

    def _rule(self, kind: str, detail: Mapping[str, Any]) -> str:
        """Say the broken rule; pydantic's messages name types and bounds, never the value."""
        if kind != "extra_forbidden":
            return str(detail["msg"]).removeprefix("Value error, ")
        near = difflib.get_close_matches(str(detail["loc"][0]), self._columns, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        return f"{self._model.__name__} has no such column{hint}"


@functools.cache
def writer_of(model: type[BaseModel]) -> RowWriter:
    """Return the model's writer; it is built at the first write."""
    return RowWriter(model)


def _given_values(row: GivenRow) -> dict[str, Any] | None:
    """Take the fields that were set on a model, by column; or the mapping's items; None for what is neither."""
    if isinstance(row, BaseModel):
        fields = type(row).model_fields
        return {fields[name].alias or name: getattr(row, name) for name in fields if name in row.model_fields_set}
    return dict(row) if isinstance(row, Mapping) else None


def _all_optional(model: type[BaseModel]) -> type[BaseModel]:
    annotations = _annotations(model)
    fields: dict[str, Any] = {
        name: (annotations[name], Field(default=None, alias=field.alias)) for name, field in model.model_fields.items()
    }
    config: ConfigDict = {
        **model.model_config,
        "defer_build": False,
        "extra": "forbid",
        "frozen": False,
        "hide_input_in_errors": True,
        "validate_default": False,
    }
    return create_model(f"{model.__name__}Write", __config__=config, **fields)


def _annotations(model: type[BaseModel]) -> dict[str, Any]:
    validators = _validators_by_field(model)
    return {name: _for_writing(field, validators.get(name, [])) for name, field in model.model_fields.items()}


def _for_writing(field: FieldInfo, validators: list[Any]) -> Any:
    """Answer the field's annotation with its rules for writing and its own validators applied."""
    return _annotated(_with_rules(field.annotation), [*field.metadata, *validators])


def _with_rules(annotation: Any) -> Any:
    """Apply the rules inside a union or a container too: ``Annotated[int, OnWrite(...)] | None``."""
    origin: Any = get_origin(annotation)
    if origin is Annotated:
        return _annotated(_with_rules(annotation.__origin__), annotation.__metadata__)
    if origin in (Union, UnionType):
        return functools.reduce(operator.or_, (_with_rules(part) for part in get_args(annotation)))
    if isinstance(annotation, GenericAlias):
        return origin[tuple(_with_rules(part) for part in get_args(annotation))]
    return annotation


def _annotated(annotation: Any, metadata: Iterable[Any]) -> Any:
    applied = [_applied(mark) if isinstance(mark, OnWrite) else mark for mark in metadata]
    dynamic: Any = Annotated
    return dynamic[(annotation, *applied)] if applied else annotation


def _applied(mark: OnWrite) -> Any:
    """A plain function judges the typed value; anything else is pydantic's own kind of annotation."""
    return AfterValidator(mark.rule) if _is_function(mark.rule) else mark.rule


def _is_function(rule: Any) -> bool:
    return callable(rule) and not isinstance(rule, type) and not hasattr(rule, "__get_pydantic_core_schema__")


def _validators_by_field(model: type[BaseModel]) -> dict[str, list[Any]]:
    """Collect what ``@field_validator`` declares, as annotations."""
    found: dict[str, list[Any]] = {}
    for decorator in model.__pydantic_decorators__.field_validators.values():
        annotation = _FIELD_VALIDATORS[decorator.info.mode](decorator.func)
        for name in model.model_fields if "*" in decorator.info.fields else decorator.info.fields:
            found.setdefault(name, []).append(annotation)
    return found
