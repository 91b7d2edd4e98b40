"""The row models: what they read, and that they are cheap to import."""

import datetime as dt
import threading
from decimal import Decimal

import pytest
from pydantic import ValidationError

from datalayer import models
from datalayer.models import Booking, Client, RowModel, WhatsappAuth
from datalayer.models.reading import list_adapter, misfit, row_validator
from datalayer.query import JSON_NULL

MODELS = sorted(
    (m for m in vars(models).values() if isinstance(m, type) and issubclass(m, RowModel) and m is not RowModel),
    key=lambda model: model.__name__,
)


@pytest.mark.parametrize("model", MODELS)
def test_model_builds_its_schema(model: type[RowModel]) -> None:
    """Building is deferred, so each model has to prove that it can be built."""
    assert model.model_rebuild(force=True)


def test_row_validator_builds_a_model_that_was_deferred() -> None:
    """However deep the stack is that first asks; the same function at every call."""

    class Late(RowModel):
        id: int

    rows: list[Late] = []
    thread = threading.Thread(target=lambda: rows.append(row_validator(Late)({"id": 1})))
    thread.start()
    thread.join()
    assert rows == [Late(id=1)]
    assert row_validator(Late) is row_validator(Late)


def test_reading_ignores_rules_for_writing() -> None:
    """A legacy row with a three-digit phone, an id of zero and a padded name is read as it stands."""
    client = Client.model_validate({"id": 1, "yclients_id": 0, "phone": "112", "name": " Анна "})
    assert (client.yclients_id, client.phone, client.name) == (0, "112", " Анна ")


def test_reading_ignores_columns_the_model_does_not_know() -> None:
    """The schema may be ahead of the model."""
    client = Client.model_validate({"id": 1, "yclients_id": 1, "phone": "112", "shoe_size": 38})
    assert "shoe_size" not in client.model_dump()


def test_reading_keeps_exact_values() -> None:
    """Decimals, NaN, JSON null, NULLs inside arrays and microseconds come through."""
    moment = dt.datetime(2026, 11, 21, 10, 0, 0, 123456)
    row = {
        "id": 1,
        "yclients_id": 1,
        "phone": "112",
        "total_spent": Decimal("0.10"),
        "ai_context": JSON_NULL,
        "visit_history": [1, None],
        "tags": ["a", None],
        "created_at": moment,
    }
    client = Client.model_validate(row)
    assert str(client.total_spent) == "0.10"
    assert client.ai_context is JSON_NULL
    assert client.tags == ["a", None]
    assert client.created_at == moment
    not_a_number = Client.model_validate({**row, "total_spent": Decimal("NaN")}).total_spent
    assert not_a_number is not None
    assert not_a_number.is_nan()


def test_a_field_may_be_called_like_a_type() -> None:
    """Bookings have columns named datetime and date."""
    moment = dt.datetime(2026, 11, 21, 10, 0)
    booking = Booking.model_validate({"yclients_record_id": 1, "datetime": moment, "date": moment.date()})
    assert (booking.datetime, booking.date) == (moment, moment.date())


def test_whatsapp_company_id_is_text() -> None:
    """The sessions' tables name a salon by text."""
    assert WhatsappAuth.model_validate({"company_id": "962302", "creds": {}}).company_id == "962302"


def test_misfit_names_the_column_of_one_of_many_rows_and_no_value() -> None:
    """A row that the model cannot hold is told by its column."""
    with pytest.raises(ValidationError) as caught:
        list_adapter(Client).validate_python([{"id": 1, "yclients_id": 1, "phone": "112", "visit_count": "many"}])
    column, message = misfit(caught.value)
    assert column == "visit_count"
    assert "many" not in message
