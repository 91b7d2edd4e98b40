"""PostgREST's and the gateway's answers translated into the library's tree; the most specific match wins.

An answer's ``details`` and many messages quote row values, so errors of classes 22 and 23 get our own words, and from
the details only column names are taken.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx
from pydantic_core import from_json

from datalayer import errors
from datalayer.errors import StoreError
from datalayer.stores.catalog import CREATE_TABLE, RELOAD_SCHEMA
from datalayer.stores.sqlstates import Translation, canonical, key_columns, translation

STORE: Final = "supabase"
FILTER_TOO_LONG: Final = "the filter is longer than a server takes; ask with fewer values"

#: PostgREST's own codes, or what they begin with, and SQLSTATEs that it uses in a sense of its own.
#: Source: PostgREST 12 documentation, "Errors".
_BY_CODE: Final[Mapping[str, Translation]] = {
    "42883": (errors.UnfitValueError, "a value has the wrong type for its column"),
    "PGRST000": (errors.UnavailableError, "PostgREST cannot reach its database"),
    "PGRST002": (errors.UnavailableError, "PostgREST has not read its schema yet"),
    "PGRST003": (errors.UnavailableError, "PostgREST had no database connection free in time"),
    "PGRST202": (errors.SchemaError, "there is no such function"),
    "PGRST204": (errors.UnknownColumnError, None),
    "PGRST205": (errors.UnknownTableError, None),
    "PGRST30": (errors.AccessDeniedError, "the server refused the key"),
}
_BY_STATUS: Final[Mapping[int, Translation]] = {
    401: (errors.AccessDeniedError, "the server refused the key"),
    403: (errors.AccessDeniedError, "the key has no right to this"),
    404: (errors.UnknownTableError, "there is no such table"),
    413: (errors.UnfitValueError, "the request is larger than the server takes; write fewer rows at a time"),
    414: (errors.UnfitValueError, FILTER_TOO_LONG),
    429: (errors.UnavailableError, "the server asks for fewer calls"),
    431: (errors.UnfitValueError, FILTER_TOO_LONG),
    503: (errors.UnavailableError, "the server is not available"),
    521: (errors.UnavailableError, "the gateway cannot reach the server"),
    522: (errors.UnavailableError, "the gateway cannot reach the server"),
    523: (errors.UnavailableError, "the gateway cannot reach the server"),
}
#: PostgREST's codes for what its schema cache does not have, which may be older than the schema.
_NO_FUNCTION: Final = "PGRST202"
_NO_TABLE: Final = "PGRST205"
#: PostgreSQL's, of a table that PostgREST believes to be there.
_RELATION_GONE: Final = "42P01"
#: PostgreSQL's, of operators and of functions.
_NO_OPERATOR: Final = "42883"
STALE_SCHEMA: Final = f"where it is there, PostgREST has not read the schema since: run {RELOAD_SCHEMA}"
_SQLSTATES: Final[Mapping[str, str]] = {"PGRST204": "42703", "PGRST205": "42P01"}

#: PostgREST has not begun the statement.
_NEVER_BEGUN: Final = frozenset({"PGRST000", "PGRST002", "PGRST003"})
#: PostgREST lost its database connection while a statement was running.
_LOST_AT_WORK: Final = "PGRST001"

_CONSTRAINT = re.compile(r'constraint "([^"]+)"')
_NAMED_COLUMN = re.compile(r"""(?:null value in column "(?P<required>[^"]+)"|[Cc]olumn '(?P<stale>[^']+)' of)""")
_MISSING_COLUMN = re.compile(r'column (?:"?[^".]+"?\.)?"?(?P<name>[^"]+?)"? does not exist')


@dataclass(frozen=True, slots=True)
class Call:
    """What a request is made for, as errors tell it. ``target`` is an upsert's conflict target."""

    operation: str
    table: str | None = None
    writes: bool = False
    target: tuple[str, ...] = ()


def from_response(response: httpx.Response, call: Call) -> StoreError:
    """Build the error for an answer whose status is not a success."""
    answer = _answer(response)
    code = str(answer.get("code") or "")
    message = str(answer.get("message") or "")
    if code == _NO_OPERATOR and call.table is None and f"{call.operation}(" in message:
        # The schema that PostgREST has read had it.
        code = _NO_FUNCTION
    found = _by_code(code) or (None if code == _LOST_AT_WORK else _BY_STATUS.get(response.status_code))
    if found is None:
        return _unlisted(response.status_code, code, call)
    kind, words = found
    if call.writes and kind is errors.UnavailableError and not _proves_undone(response, code):
        return outcome_unknown(call)
    sqlstate = _SQLSTATES.get(code, canonical(code) if len(code) == 5 else None)
    return kind(
        words or message,
        store=STORE,
        operation=call.operation,
        table=call.table,
        sqlstate=sqlstate,
        constraint=_group(_CONSTRAINT, message) if issubclass(kind, errors.ConstraintViolationError) else None,
        columns=_columns(kind, message, str(answer.get("details") or ""), call),
        hint=_hint(kind, call, code),
    )


def unavailable(call: Call, words: str = "the server cannot be reached") -> StoreError:
    """Build the error for a request that was never delivered, or only read."""
    hint = "check SUPABASE_URL, and that the server runs"
    return errors.UnavailableError(words, store=STORE, operation=call.operation, table=call.table, hint=hint)


def outcome_unknown(call: Call) -> StoreError:
    """Build the error for a write whose answer was lost."""
    return errors.OutcomeUnknownError(
        "the answer was lost after the write was sent",
        store=STORE,
        operation=call.operation,
        table=call.table,
        hint=_hint(errors.OutcomeUnknownError, call),
    )


def timed_out(call: Call) -> StoreError:
    """Build the error for a read that was not answered within the deadline."""
    return errors.StoreTimeoutError(
        "the server did not answer in time", store=STORE, operation=call.operation, table=call.table, sqlstate="57014"
    )


def _answer(response: httpx.Response) -> Mapping[str, Any]:
    try:
        parsed = from_json(response.content)
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _by_code(code: str) -> Translation | None:
    for known in (code, code[:7]):
        if known in _BY_CODE:
            return _BY_CODE[known]
    return translation(code) if len(code) == 5 else None


def _proves_undone(response: httpx.Response, code: str) -> bool:
    """Whether an answer proves that a write has not happened; one from a gateway may come after delivery.

    A code decides alone: PostgREST sends ``Retry-After`` also when it lost its connection in the middle of a statement.
    """
    if response.status_code == 429:
        return True
    if code:
        return code in _NEVER_BEGUN or code.startswith("53")
    return response.status_code == 503 and "retry-after" in response.headers


def _unlisted(status: int, code: str, call: Call) -> StoreError:
    """A gateway's 5xx tells nothing about a write that it had passed on."""
    if code == _LOST_AT_WORK or (status >= 500 and not code):
        if call.writes:
            return outcome_unknown(call)
        if status in (504, 524):
            return timed_out(call)
        return unavailable(call, f"the server answered with status {status}")
    words = f"the server answered with status {status}" + (f" and code {code}" if code else "")
    sqlstate = code if len(code) == 5 else None
    return StoreError(words, store=STORE, operation=call.operation, table=call.table, sqlstate=sqlstate)


def _columns(kind: type[StoreError], message: str, details: str, call: Call) -> tuple[str, ...]:
    if kind is errors.MissingConflictTargetError:
        return call.target
    if columns := key_columns(details):
        return columns
    if found := _NAMED_COLUMN.search(message):
        return (found["required"] or found["stale"],)
    if kind is errors.UnknownColumnError and (found := _MISSING_COLUMN.search(message)):
        return (found["name"],)
    return ()


def _group(pattern: re.Pattern[str], text: str) -> str | None:
    found = pattern.search(text)
    return found[1] if found else None


def _hint(kind: type[StoreError], call: Call, code: str = "") -> str | None:
    if kind is errors.OutcomeUnknownError:
        return "read the row before writing it again"
    if code == _NO_FUNCTION:
        return f"run datalayer supabase install; {STALE_SCHEMA}"
    if kind is errors.UnknownTableError:
        return f"{CREATE_TABLE}; {STALE_SCHEMA}" if code in (_NO_TABLE, _RELATION_GONE) else CREATE_TABLE
    if kind is errors.MissingConflictTargetError and call.table:
        columns = ", ".join(call.target)
        return f"create unique index on {call.table} ({columns})"
    if kind is errors.AccessDeniedError and call.table is None:
        return "check SUPABASE_SERVICE_ROLE_KEY or SUPABASE_KEY"
    return None
