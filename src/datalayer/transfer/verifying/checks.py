"""Rules of the target's rows: foreign keys of either side, NOT NULL of the source, invariants that the owner wrote.

An invariants file has statements with names; each must return no rows:

    -- name: nobody visits a negative number of times
    select id from clients where visit_count < 0;
"""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from datalayer.errors import (
    AccessDeniedError,
    ConfigurationError,
    SelectionError,
    StoreError,
    TransferError,
    UnsupportedOperationError,
)
from datalayer.query import Count, col
from datalayer.stores.catalog import Catalog, ForeignKey, Table
from datalayer.stores.contract import Store
from datalayer.stores.sqlite import SqliteStore
from datalayer.transfer.orphans import can_be_asked, select_orphans
from datalayer.transfer.readers.patience import count
from datalayer.transfer.reports import Check
from datalayer.transfer.verifying.snapshots import PATIENCE, Side

_NAME: Final = re.compile(r"^\s*--\s*name:\s*(.*?)\s*$")
_COMMENT: Final = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_QUESTION: Final = re.compile(r"\s*(?:\(|(?:select|with|values|table)\b)", re.IGNORECASE)
_ONLY_READS: Final = "it must be one select that only reads"
#: SQLSTATEs of statements that would write: a WITH that does, and anything else in a read-only transaction.
_WRITES: Final = ("0A000", "25006")
#: Classes of SQLSTATE for what the statement itself is to blame for: syntax, names, types, casts.
_WRONG_SQL: Final = ("0A", "21", "22", "25", "42", "54")
_NO_SQL: Final = "it takes a question in SQL, and REST has none; name the database by its postgresql:// URL"


@dataclass(frozen=True, slots=True)
class Invariant:
    """A statement in the target's SQL that must return no rows."""

    name: str
    statement: str


def read_invariants(path: Path) -> list[Invariant]:
    """Read a file of named statements.

    Raises:
        ConfigurationError: the file cannot be read, has no statement, or one without a name.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise ConfigurationError(f"the invariants file {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"the invariants file {path} cannot be read: it is not UTF-8") from None
    named: list[tuple[str, list[str]]] = []
    for number, line in enumerate(lines, 1):
        found = _NAME.match(line)
        if found is not None:
            named.append((found[1], []))
        elif named:
            named[-1][1].append(line)
        elif line.strip() and not line.lstrip().startswith("--"):
            raise ConfigurationError(f"{path}, line {number}: begin each statement with a line -- name: WHAT MUST HOLD")
    invariants = [Invariant(name, "\n".join(body).strip().rstrip(";").rstrip()) for name, body in named]
    if not invariants:
        raise ConfigurationError(f"the invariants file {path} is empty; write -- name: WHAT MUST HOLD and a select")
    _refuse_mistakes(path, invariants)
    return invariants


def _refuse_mistakes(path: Path, invariants: Sequence[Invariant]) -> None:
    for invariant in invariants:
        if not invariant.name or not _is_statement(invariant.statement):
            raise ConfigurationError(f"{path}: the invariant {invariant.name or 'without a name'} has no statement")
        if not _QUESTION.match(_COMMENT.sub(" ", invariant.statement)):
            raise ConfigurationError(f"{path}: the invariant {invariant.name!r} is no question: {_ONLY_READS}")
    twice = [name for name, times in Counter(invariant.name for invariant in invariants).items() if times > 1]
    if twice:
        raise ConfigurationError(f"{path}: two invariants have the name {twice[0]!r}")


def _is_statement(text: str) -> bool:
    return any(line.strip() and not line.lstrip().startswith("--") for line in text.splitlines())


def refuse_unanswerable(target: Store, invariants: Sequence[Invariant]) -> None:
    """Raise UnsupportedOperationError where the target takes no SQL."""
    if invariants and target.name == "supabase":
        raise UnsupportedOperationError(target.name, "invariants", "name the database by its postgresql:// URL")


async def check_target(
    side: Side, source: Catalog, target: Catalog, names: Iterable[str], invariants: Sequence[Invariant]
) -> list[Check]:
    """Count the rows of the target that break a rule.

    Args:
        names: tables whose foreign keys and required columns are checked.
    """
    checks: list[Check] = []
    for name in names:
        checks += await _required(side, source.tables.get(name), target.tables[name])
        for key in _references(source.tables.get(name), target.tables[name], target.tables):
            label = f"({', '.join(key.columns)}) -> {key.target_table} ({', '.join(key.target_columns)})"
            if side.store.name == "supabase":
                checks.append(Check("foreign key", label, name, None, _NO_SQL))
            else:
                checks.append(Check("foreign key", label, name, await _count(side, select_orphans(name, key))))
    for invariant in invariants:
        try:
            broken = await _count(side, f"select 1 from (\n{invariant.statement}\n) as found")
        except StoreError as error:
            told = f"the invariant {invariant.name!r} cannot be asked: "
            if error.sqlstate in _WRITES:
                raise SelectionError(told + _ONLY_READS) from None
            if (error.sqlstate or "").startswith(_WRONG_SQL) and not isinstance(error, AccessDeniedError):
                raise SelectionError(f"{told}{error}") from None
            raise TransferError(f"{told}{error}") from error
        checks.append(Check("invariant", invariant.name, None, broken))
    return checks


async def _required(side: Side, source: Table | None, target: Table) -> list[Check]:
    """Count NULLs where the source requires a value and the target does not."""
    checks = []
    for column in () if source is None else source.columns:
        kept = target.by_name.get(column.name)
        if column.nullable or kept is None or not kept.nullable:
            continue
        async with side.session() as session:
            found = await count(session, Count(target.name, col(column.name).is_null()), timeout=PATIENCE)
        checks.append(Check("required", column.name, target.name, found))
    return checks


def _references(source: Table | None, target: Table, present: Mapping[str, Table]) -> list[ForeignKey]:
    """Return foreign keys of either side that can be asked of the target, each once."""
    keys = [*target.foreign_keys, *(() if source is None else source.foreign_keys)]
    distinct = {(key.columns, key.target_table, key.target_columns): key for key in reversed(keys)}
    return [key for key in reversed(distinct.values()) if can_be_asked(key, target, present)]


async def _count(side: Side, query: str) -> int:
    counting = f"select count(*) from ({query}) as broken"
    if isinstance(side.store, SqliteStore):
        return await side.store.run(lambda connection: _only_read(connection, counting), timeout=PATIENCE)
    ((found,),) = await side.ask(counting)
    return int(found)


def _only_read(connection: sqlite3.Connection, query: str) -> int:
    """Ask on the connection that writes, without letting the statement write."""
    connection.execute("pragma query_only = on")
    try:
        return int(connection.execute(query).fetchone()[0])
    finally:
        connection.execute("pragma query_only = off")
