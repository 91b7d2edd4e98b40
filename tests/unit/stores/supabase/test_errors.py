"""PostgREST's answers as errors of the library's tree."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest

from datalayer import errors
from datalayer.errors import StoreError
from datalayer.stores.supabase.errors import Call, from_response
from datalayer.stores.supabase.transport import advised_wait

READ = Call("select", "people")
WRITE = Call("insert", "people", writes=True)
SECRET = "s3cret-value"


def answer(status: int, code: str | None = None, message: str = "", details: str | None = None) -> httpx.Response:
    """Return an answer as PostgREST writes it, or a gateway's without a code."""
    if code is None:
        return httpx.Response(status, text="<html>Bad gateway</html>")
    content: dict[str, Any] = {"code": code, "message": message, "details": details, "hint": None}
    return httpx.Response(status, json=content)


@pytest.mark.parametrize(
    ("response", "kind", "sqlstate", "constraint", "columns"),
    [
        (
            answer(
                409, "23505", 'duplicate key … unique constraint "a_key"', f"Key (a, b)=(1, {SECRET}) already exists."
            ),
            errors.UniqueViolationError,
            "23505",
            "a_key",
            ("a", "b"),
        ),
        (
            answer(
                409, "23503", 'violates foreign key constraint "f"', f'Key (p)=({SECRET}) is not present in table "x".'
            ),
            errors.ForeignKeyViolationError,
            "23503",
            "f",
            ("p",),
        ),
        (
            answer(400, "23502", 'null value in column "v" of relation "t"', f"Failing row contains (1, {SECRET})."),
            errors.NotNullViolationError,
            "23502",
            None,
            ("v",),
        ),
        (
            answer(400, "23514", 'new row … violates check constraint "c"', f"Failing row contains ({SECRET})."),
            errors.CheckViolationError,
            "23514",
            "c",
            (),
        ),
        (answer(400, "22P02", f'invalid input syntax: "{SECRET}"'), errors.UnfitValueError, "22P02", None, ()),
        (answer(400, "22P05", "unsupported Unicode"), errors.UnfitValueError, "22021", None, ()),
        (answer(400, "42703", "column t.nope does not exist"), errors.UnknownColumnError, "42703", None, ("nope",)),
        (
            answer(400, "PGRST204", "Column 'zz' of relation 't' does not exist"),
            errors.UnknownColumnError,
            "42703",
            None,
            ("zz",),
        ),
        (answer(404, "42P01", 'relation "public.x" does not exist'), errors.UnknownTableError, "42P01", None, ()),
        (answer(404, "42883", "operator does not exist: text = integer"), errors.UnfitValueError, "42883", None, ()),
        (answer(404, "PGRST205", "Could not find the table"), errors.UnknownTableError, "42P01", None, ()),
        (answer(401, "PGRST301", f"JWSError {SECRET}"), errors.AccessDeniedError, None, None, ()),
        (answer(403, "42501", "permission denied for table t"), errors.AccessDeniedError, "42501", None, ()),
        (answer(401), errors.AccessDeniedError, None, None, ()),
        (answer(500, "57014", "canceling statement"), errors.StoreTimeoutError, "57014", None, ()),
        (answer(500, "40001", "could not serialize"), errors.TransactionConflictError, "40001", None, ()),
        (answer(503, "PGRST000", "cannot connect"), errors.UnavailableError, None, None, ()),
        (answer(504, "PGRST003", "pool timed out"), errors.UnavailableError, None, None, ()),
        (answer(429), errors.UnavailableError, None, None, ()),
        (answer(414), errors.UnfitValueError, None, None, ()),
        (answer(400, "PGRST100", f"failed to parse {SECRET}"), StoreError, None, None, ()),
    ],
)
def test_answer_becomes_the_error_of_its_meaning(
    response: httpx.Response,
    kind: type[StoreError],
    sqlstate: str | None,
    constraint: str | None,
    columns: tuple[str, ...],
) -> None:
    """Class and fields tell what happened; values from details and messages never appear."""
    error = from_response(response, READ)
    assert type(error) is kind
    assert (error.sqlstate, error.constraint, error.columns) == (sqlstate, constraint, columns)
    assert (error.operation, error.table) == ("select", "people")
    assert SECRET not in str(error)


@pytest.mark.parametrize(
    "response",
    [
        *(answer(status) for status in (500, 502, 503, 504, 520, 521, 522, 523)),
        answer(503, "PGRST001"),
        answer(503, "08006"),
        answer(503, "57P01"),
        httpx.Response(503, json={"code": "PGRST001"}, headers={"Retry-After": "1"}),
    ],
)
def test_lost_answer_leaves_a_write_unknown_and_a_read_repeatable(response: httpx.Response) -> None:
    """A gateway that gave up tells nothing about the write it had passed on."""
    assert type(from_response(response, WRITE)) is errors.OutcomeUnknownError
    assert isinstance(from_response(response, READ), errors.UnavailableError | errors.StoreTimeoutError)


@pytest.mark.parametrize(
    "response",
    [
        answer(503, "PGRST000"),
        answer(503, "PGRST002"),
        answer(504, "PGRST003"),
        answer(503, "53300"),
        answer(429),
        httpx.Response(429, json={"code": "over_rate_limit"}),
        httpx.Response(503, headers={"Retry-After": "1"}),
    ],
)
def test_answer_that_proves_a_write_undone_lets_it_be_repeated(response: httpx.Response) -> None:
    """The server says that it has not begun."""
    assert type(from_response(response, WRITE)) is errors.UnavailableError


def test_missing_conflict_target_names_the_target_and_the_index_to_create() -> None:
    """The hint is a statement."""
    call = Call("upsert", "people", writes=True, target=("a", "b"))
    error = from_response(answer(400, "42P10", "there is no unique constraint"), call)
    assert type(error) is errors.MissingConflictTargetError
    assert (error.columns, error.hint) == (("a", "b"), "create unique index on people (a, b)")


def test_advised_wait_reads_seconds_and_dates() -> None:
    """Retry-After comes in both forms; nonsense is no advice."""

    def wait(text: str) -> float | None:
        return advised_wait(httpx.Response(503, headers={"Retry-After": text}))

    assert wait("2") == 2.0
    assert wait("soon") is None
    assert advised_wait(httpx.Response(503)) is None
    soon = wait(format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True))
    assert soon is not None
    assert 50 < soon <= 60
    assert wait(format_datetime(datetime.now(UTC) - timedelta(seconds=60), usegmt=True)) == 0.0
