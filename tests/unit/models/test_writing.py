"""What may be written: parts of rows, checked by type, by rule and by name."""

import datetime as dt
from decimal import Decimal
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from datalayer.errors import BatchItemError, InvalidValueError
from datalayer.models import Client, Company, OnWrite, RowModel, Service, StaffSchedule
from datalayer.models.writing import writer_of

RU = {"phone_region": "RU"}


def _write(model: type[BaseModel], row: Any) -> dict[str, Any]:
    return writer_of(model).check(row, RU)


def test_check_answers_only_the_columns_given() -> None:
    """A part of a row stays a part: nothing is filled in, nothing required is asked for."""
    assert _write(Client, {"visit_count": 3, "email": None}) == {"visit_count": 3, "email": None}
    assert _write(Client, {}) == {}


def test_check_takes_the_fields_that_were_set_on_a_model() -> None:
    """A model's defaults are not written; what was set to None is."""
    client = Client(yclients_id=7, phone="8 968 648-44-88", email=None)
    assert _write(Client, client) == {"yclients_id": 7, "phone": "79686484488", "email": None}


def test_check_applies_the_rules_for_writing() -> None:
    """Phones are normalised, names and titles trimmed."""
    assert _write(Client, {"phone": "8 968 648-44-88", "name": "  Анна "})["name"] == "Анна"
    assert _write(Service, {"title": " Стрижка "}) == {"title": "Стрижка"}
    with pytest.raises(InvalidValueError, match="title: must not be empty"):
        _write(Service, {"title": "  "})


def test_check_takes_the_phone_region_from_the_context() -> None:
    """The default region is the caller's setting."""
    assert writer_of(Client).check({"phone": "(202) 555-0123"}, {"phone_region": "US"}) == {"phone": "12025550123"}


def test_check_applies_a_rule_inside_a_union() -> None:
    """An optional column is ruled like a required one, and NULL passes."""
    assert _write(Client, {"company_id": None}) == {"company_id": None}
    with pytest.raises(InvalidValueError, match="company_id: must be a positive integer"):
        _write(Client, {"company_id": 0})


def test_check_names_every_bad_field_of_a_row() -> None:
    """One message says all that is to be mended."""
    with pytest.raises(InvalidValueError) as caught:
        _write(Client, {"phone": "123", "company_id": -1})
    assert "phone" in str(caught.value)
    assert "company_id: must be a positive integer" in str(caught.value)


def test_check_refuses_an_unknown_column_with_the_nearest_one() -> None:
    """A mistyped name is never dropped in silence."""
    with pytest.raises(InvalidValueError, match="visit_cuont: Client has no such column; did you mean 'visit_count'"):
        _write(Client, {"visit_cuont": 3})


def test_check_refuses_null_for_a_column_that_has_none() -> None:
    """NOT NULL holds before anything is sent."""
    with pytest.raises(InvalidValueError) as caught:
        _write(Client, {"phone": None})
    assert caught.value.field == "phone"


@pytest.mark.parametrize("row", [None, 5, [("phone", "89686484488")], "phone"])
def test_check_refuses_what_is_no_row(row: object) -> None:
    """A row is a model or a mapping."""
    with pytest.raises(InvalidValueError, match="a row is a model or a mapping"):
        _write(Client, row)


@pytest.mark.parametrize(
    ("row", "secret"),
    [
        ({"phone": "31337"}, "31337"),
        ({"company_id": -31337}, "31337"),
        ({"visit_count": "31337 visits"}, "31337"),
        ({"last_visit_date": "31337"}, "31337"),
        ({"tags": [{"x": 31337}]}, "31337"),
    ],
)
def test_check_keeps_values_out_of_the_message(row: dict[str, Any], secret: str) -> None:
    """A message says field and rule, never the value; nothing with the value is chained to it."""
    with pytest.raises(InvalidValueError) as caught:
        _write(Client, row)
    assert secret not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_check_keeps_json_documents_as_they_are() -> None:
    """A document may be anything, JSON null and NULL inside included."""
    document = {"list": [1, None, {"deep": True}], "ключ": "значение"}
    assert _write(Client, {"ai_context": document}) == {"ai_context": document}


def test_check_makes_numerics_exact() -> None:
    """A float becomes the Decimal of its shortest spelling."""
    assert _write(Client, {"total_spent": 10.1}) == {"total_spent": Decimal("10.1")}


def test_check_keeps_utc_where_the_column_has_no_zone() -> None:
    """A moment is the same clock reading however its zone is written, in a text too; without a zone it stays."""
    utc = dt.datetime(2026, 11, 21, 10, 0)
    moscow = dt.datetime(2026, 11, 21, 13, 0, tzinfo=dt.timezone(dt.timedelta(hours=3)))
    for given_value in (utc, utc.isoformat(), utc.replace(tzinfo=dt.UTC), moscow, "2026-11-21T13:00:00+03:00"):
        assert _write(Client, {"last_sync_at": given_value}) == {"last_sync_at": utc}


def test_check_refuses_a_time_that_utc_has_no_year_for() -> None:
    """The first hour of year 1 in Moscow cannot be said in UTC."""
    with pytest.raises(InvalidValueError, match="last_sync_at: is out of range in UTC"):
        _write(Client, {"last_sync_at": "0001-01-01T00:00:00+03:00"})


def test_check_takes_a_time_without_zone_as_utc_where_the_column_has_one() -> None:
    """A moment is never ambiguous."""
    expected = dt.datetime(2026, 11, 21, 10, 0, tzinfo=dt.UTC)
    assert _write(Company, {"disconnected_at": "2026-11-21T10:00:00"}) == {"disconnected_at": expected}


def test_check_reads_iso_dates_only() -> None:
    """A number or another spelling is refused by its field."""
    assert _write(StaffSchedule, {"date": "2026-11-21"}) == {"date": dt.date(2026, 11, 21)}
    with pytest.raises(InvalidValueError, match="date: must be an ISO date"):
        _write(StaffSchedule, {"date": "21.11.2026"})


def test_check_lays_stamps_over_the_row() -> None:
    """What the library sets wins over what the caller had read earlier."""
    now = dt.datetime(2026, 11, 21, 10, 0, tzinfo=dt.UTC)
    row = writer_of(Client).check({"updated_at": "2020-01-01"}, RU, stamps={"updated_at": now})
    assert row == {"updated_at": now.replace(tzinfo=None)}


def test_check_batches_yields_parts_of_the_size_asked_for() -> None:
    """Rows keep their order over the parts."""
    rows: list[dict[str, Any]] = [{"visit_count": count} for count in range(5)]
    assert list(writer_of(Client).check_batches(rows, RU, batch_rows=2)) == [rows[:2], rows[2:4], rows[4:]]


def test_check_batches_names_every_bad_index_and_field() -> None:
    """Also those that come after the first bad one, in later parts; no row is yielded from there on."""
    rows: list[Any] = [{"phone": "89686484488"}, {"phone": "1", "company_id": 0}, {"name": "x"}, 5, {"phnoe": "1"}]
    batches = writer_of(Client).check_batches(rows, RU, batch_rows=1, required=("phone",))
    assert next(batches) == [{"phone": "79686484488"}]
    with pytest.raises(BatchItemError) as caught:
        assert not any(batches)
    problems = [(problem.index, problem.field) for problem in caught.value.problems]
    assert sorted(problems) == [(1, "company_id"), (1, "phone"), (2, "phone"), (3, "row"), (4, "phnoe"), (4, "phone")]
    assert caught.value.indexes == (1, 2, 3, 4)


def _shout(text: str) -> str:
    return text.upper()


class _Address(BaseModel):
    city: str
    floor: int = 1


class _Plain(BaseModel):
    model_config = ConfigDict(extra="ignore")

    id: int
    name: str = Field(max_length=5)
    amount: int = Field(default=3, gt=0)
    schema_: str | None = Field(default=None, alias="schema")
    address: _Address | None = None
    marks: list[Annotated[str, OnWrite(_shout)]] = []

    @field_validator("name")
    @classmethod
    def _no_digits(cls, value: str) -> str:
        if any(letter.isdigit() for letter in value):
            raise ValueError("has digits")
        return value

    @model_validator(mode="after")
    def _whole(self) -> "_Plain":
        if self.amount > 100 and self.name == "small":
            raise ValueError("is too much")
        return self


def test_check_holds_a_plain_model_to_its_own_constraints() -> None:
    """Constraints and field validators of any pydantic model hold for parts of rows."""
    assert _write(_Plain, {"name": "Anna"}) == {"name": "Anna"}
    for row, field in [({"name": "too long"}, "name"), ({"amount": 0}, "amount"), ({"name": "a1"}, "name")]:
        with pytest.raises(InvalidValueError) as caught:
            _write(_Plain, row)
        assert caught.value.field == field


def test_check_knows_columns_by_alias() -> None:
    """A field whose name cannot be the column's has the column as its alias."""
    assert _write(_Plain, {"schema": "x"}) == {"schema": "x"}
    assert _write(_Plain, _Plain(id=1, name="Anna", schema="x")) == {"id": 1, "name": "Anna", "schema": "x"}


def test_check_writes_a_model_inside_a_row_as_a_whole_document() -> None:
    """Defaults inside a document are part of it."""
    row = _write(_Plain, {"address": _Address(city="Пермь")})
    assert row == {"address": {"city": "Пермь", "floor": 1}}


def test_check_applies_a_rule_inside_a_list() -> None:
    """A marked element type is ruled element by element."""
    assert _write(_Plain, {"marks": ["a", "b"]}) == {"marks": ["A", "B"]}


def test_check_takes_any_pydantic_annotation_as_a_rule() -> None:
    """A rule may be a validator, a constraint or a function of the standard library."""

    class Row(RowModel):
        small: Annotated[int, OnWrite(Field(lt=10))]
        text: Annotated[str, OnWrite(AfterValidator(_shout))]
        word: Annotated[str, OnWrite(str.strip)]

    assert _write(Row, {"small": 3, "text": "a", "word": " b "}) == {"small": 3, "text": "A", "word": "b"}
    with pytest.raises(InvalidValueError, match="small"):
        _write(Row, {"small": 10})
    assert Row.model_validate({"small": 10, "text": "a", "word": " b "}).model_dump() == {
        "small": 10,
        "text": "a",
        "word": " b ",
    }


_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "yclients_id": st.integers(min_value=1, max_value=2**63 - 1),
    "email": st.none() | st.text(),
    "discount": st.none() | st.decimals(allow_nan=False),
    "tags": st.none() | st.lists(st.none() | st.text()),
    "visit_history": st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5),
    "last_visit_date": st.none() | st.dates(),
    "blacklisted": st.none() | st.booleans(),
    "last_sync_at": st.none() | st.datetimes(),
}


@given(st.fixed_dictionaries({}, optional=_VALUES))
def test_check_answers_valid_parts_unchanged(row: dict[str, Any]) -> None:
    """Any part of a row that breaks no rule comes out as it went in."""
    assert _write(Client, row) == row


@given(st.fixed_dictionaries({}, optional=_VALUES), st.text(min_size=1).filter(lambda n: n not in Client.model_fields))
def test_check_refuses_any_part_with_an_unknown_column(row: dict[str, Any], name: str) -> None:
    """However much of the row is right."""
    with pytest.raises(InvalidValueError) as caught:
        _write(Client, {**row, name: 1})
    assert caught.value.field == name
