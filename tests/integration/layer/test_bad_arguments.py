"""Every argument of every named call: what is wrong with it is said by its name, before a store is asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

import pytest
from tests.integration.layer.salon import COMPANY, appointment, client, schedule, service

from datalayer import DataLayer, GivenSettings, InvalidValueError

Wrong: TypeAlias = tuple[Any, ...]

HUGE = 10**30
NO_ID: Wrong = (None, "", "x", "1.5", 0, -1, True, 1.5, HUGE, float("nan"), [], {})
NO_TEXT: Wrong = (None, 0, -1, True, 1.5, HUGE, [])
NO_DATE: Wrong = (None, "", "5", 0, -1, True, 1.5, HUGE, [])
NO_FLAG: Wrong = (None, "", "5", -1, 1.5, HUGE, [])
NO_LIMIT: Wrong = (None, "", "5", 0, -1, True, 1.5, 1001, HUGE, [])
NO_WORD: Wrong = (None, "", "5", 0, -1, True, 1.5, HUGE, [])
NO_ROWS: Wrong = (None, "", "5", 0, -1, True, 1.5, HUGE, [], {"yclients_id": 1}, GivenSettings(), iter(()))
NO_ROW: Wrong = (None, "", "5", 0, -1, True, 1.5, HUGE, [])
NO_TIMEOUT: Wrong = ("", "5", 0, -1, True, float("nan"), [])

#: What each call takes: arguments that are right, and what is wrong for each.
CALLS: dict[str, tuple[dict[str, Any], dict[str, Wrong]]] = {
    "get_dialog_context": ({"user_id": "u"}, {"user_id": NO_TEXT}),
    "upsert_dialog_context": ({"data": {"user_id": "u"}}, {"data": NO_ROW}),
    "get_client_by_phone": (
        {"phone": "+79990000001"},
        {"phone": (*NO_TEXT, "", "5", "9" * 40), "company_id": NO_ID[1:]},
    ),
    "get_client_by_id": ({"yclients_id": 1}, {"yclients_id": NO_ID, "company_id": NO_ID[1:]}),
    "get_client_appointments": (
        {"client_id": 1},
        {
            "client_id": NO_ID,
            "company_id": NO_ID[1:],
            "limit": NO_LIMIT,
            "order_by": NO_WORD,
            "order_direction": NO_WORD,
        },
    ),
    "get_upcoming_appointments": ({"client_id": 1, "company_id": 1}, {"client_id": NO_ID, "company_id": NO_ID}),
    "search_clients_by_name": (
        {"company_id": 1, "name": "а"},
        {"company_id": NO_ID, "name": (*NO_TEXT, "", " "), "limit": NO_LIMIT},
    ),
    "upsert_client": ({"data": client(1)}, {"data": NO_ROW}),
    "upsert_clients": ({"rows": [client(1)]}, {"rows": NO_ROWS}),
    "get_staff_by_id": ({"yclients_id": 1, "company_id": 1}, {"yclients_id": NO_ID, "company_id": NO_ID}),
    "get_staff": ({"company_id": 1}, {"company_id": NO_ID, "include_inactive": NO_FLAG}),
    "get_staff_schedules": (
        {"company_id": 1},
        {
            "company_id": NO_ID,
            "staff_id": NO_ID[1:],
            "staff_name": NO_TEXT[1:],
            "date_from": NO_DATE[1:],
            "date_to": NO_DATE[1:],
            "is_working": NO_FLAG[1:],
            "limit": NO_LIMIT,
        },
    ),
    "get_staff_schedule": (
        {"staff_id": 1, "date": "2026-03-02"},
        {"staff_id": NO_ID, "date": NO_DATE, "company_id": NO_ID[1:]},
    ),
    "upsert_staff_schedules": ({"rows": [schedule(1, "2026-03-02")]}, {"rows": NO_ROWS}),
    "get_services": ({"company_id": 1}, {"company_id": NO_ID, "include_inactive": NO_FLAG}),
    "get_service_by_id": ({"yclients_id": 1}, {"yclients_id": NO_ID, "company_id": NO_ID[1:]}),
    "get_services_by_category": ({"company_id": 1, "category_id": 1}, {"company_id": NO_ID, "category_id": NO_ID}),
    "upsert_services": ({"rows": [service(1)]}, {"rows": NO_ROWS}),
    "get_company": ({"company_id": 1}, {"company_id": NO_ID}),
    "upsert_company": ({"data": {"company_id": 1, "title": "Салон"}}, {"data": NO_ROW}),
}

#: A mapping and a model are checked as rows: the error names the row, or what it lacks.
FIELDS = {"data": "row"}


def bad_arguments() -> Iterator[Any]:
    """Yield every call with each of its arguments and the values that are wrong for it."""
    for name, (right, wrong) in CALLS.items():
        for argument, values in {**wrong, "timeout": NO_TIMEOUT}.items():
            yield pytest.param(name, right, argument, values, id=f"{name}-{argument}")


@pytest.mark.parametrize(("name", "right", "argument", "values"), list(bad_arguments()))
async def test_call_names_the_argument_that_is_wrong(
    embedded_layer: DataLayer, name: str, right: dict[str, Any], argument: str, values: Wrong
) -> None:
    """None, an empty text, a number out of range, another type: each is refused by the argument's name."""
    call = getattr(embedded_layer, name)
    for value in values:
        with pytest.raises(InvalidValueError) as caught:
            await call(**{**right, argument: value})
        assert caught.value.field == FIELDS.get(argument, argument), repr(value)


@pytest.mark.parametrize(("name", "right"), [(name, right) for name, (right, _) in CALLS.items()], ids=list(CALLS))
async def test_call_takes_what_is_right(embedded_layer: DataLayer, name: str, right: dict[str, Any]) -> None:
    """The arguments that the refusals start from are good ones."""
    await getattr(embedded_layer, name)(**right, timeout=5)


@pytest.mark.parametrize("value", [None, "", "x", 0, -1, True, 1.5, HUGE])
async def test_call_refuses_a_row_with_a_bad_id(embedded_layer: DataLayer, value: object) -> None:
    """Ids in rows are held to the same rule as ids in arguments."""
    for call, row in [
        (embedded_layer.upsert_client, client(1)),
        (embedded_layer.upsert_company, {"company_id": 1, "yclients_id": 1, "title": "Салон"}),
    ]:
        for column in ("yclients_id", "company_id"):
            if (column, value) == ("yclients_id", None) and "title" in row:
                continue
            with pytest.raises(InvalidValueError) as caught:
                await call({**row, column: value})
            assert caught.value.field == column


async def test_ids_may_be_texts_as_in_rows(embedded_layer: DataLayer) -> None:
    """A whole number in a text is the number, in rows and in arguments alike."""
    text: Any = "1"
    company: Any = str(COMPANY)
    await embedded_layer.upsert_client({**client(1), "yclients_id": text})
    await embedded_layer.appointments.upsert(appointment(1, "2030-01-01T10:00:00Z"))
    assert await embedded_layer.get_client_by_id(text, company) is not None
    assert len(await embedded_layer.get_client_appointments(text)) == 1
    assert len(await embedded_layer.get_upcoming_appointments(text, company)) == 1


async def test_batches_may_be_any_iterable(embedded_layer: DataLayer) -> None:
    """A generator is taken in, up to the bound of a batch."""
    stored = await embedded_layer.upsert_clients(client(number) for number in (2, 1))
    assert [row.yclients_id for row in stored] == [2, 1]
    with pytest.raises(InvalidValueError, match="sync_many"):
        await embedded_layer.upsert_clients(client(number) for number in range(1, 502))


async def test_envelope_holds_the_error_of_a_bad_argument(embedded_layer: DataLayer) -> None:
    """Another type is an answer too, not an exception."""
    wrong: Any = "five"
    answer = await embedded_layer.envelope.get_client_appointments(wrong)
    assert not answer.success
    assert answer.error is not None
    assert answer.error.startswith("client_id:")
