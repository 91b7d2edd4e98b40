"""What an install did, and what is installed, in words that hold for every store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from datalayer.outbox.tables import SCRIPT, is_bookkeeping, unusable
from datalayer.stores.catalog import Catalog


@dataclass(frozen=True, slots=True)
class Interference:
    """A trigger of the user's own that would fire again where a row is applied, and make it differ."""

    table: str
    trigger: str


@dataclass(frozen=True, slots=True)
class CaptureStatus:
    """What is installed in one database.

    Args:
        id: identity of the database; None where nothing is installed.
        script: version of the script that was run last; ``current`` is this package's.
        fenced: writes are held.
        armed: tables whose changes become entries.
        outdated: tables whose triggers are of an older script, switched off or incomplete; install again.
        missing: tables that could be armed and are not.
        unusable: tables that cannot be, with the reason.
        interfering: triggers of the user's own that know nothing of ``datalayer.applying``.
        entries: waiting in the outbox; ``dead`` letters apart.
        functions: of the bookkeeping, in the database; none on SQLite.
    """

    id: UUID | None = None
    script: int | None = None
    fenced: bool = False
    armed: tuple[str, ...] = ()
    outdated: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    unusable: Mapping[str, str] = field(default_factory=dict)
    interfering: tuple[Interference, ...] = ()
    entries: int = 0
    dead: int = 0
    functions: tuple[str, ...] = ()
    current: int = SCRIPT

    @property
    def installed(self) -> bool:
        """Whether the bookkeeping is there."""
        return self.id is not None

    @property
    def is_current(self) -> bool:
        """Whether nothing would change if it were installed again for the armed tables."""
        return self.script == self.current and not self.outdated


@dataclass(frozen=True, slots=True)
class Installed:
    """What an install did.

    Args:
        armed: tables that got triggers now.
        settled: whether all transactions that were running at the install have ended; a backfill must wait for them.
    """

    armed: tuple[str, ...]
    status: CaptureStatus
    settled: bool = True


def status_from(answer: Mapping[str, Any] | None, catalog: Catalog) -> CaptureStatus:
    """Build the status from what a database tells of itself (``datalayer_status``) and its catalog."""
    users = {name: table for name, table in catalog.tables.items() if not is_bookkeeping(name)}
    reasons = {name: reason for name, table in sorted(users.items()) if (reason := unusable(table)) is not None}
    answer = answer or {}
    armed, outdated = tuple(answer.get("armed", ())), tuple(answer.get("outdated", ()))
    identity = answer.get("id")
    return CaptureStatus(
        id=None if identity is None else UUID(str(identity)),
        script=answer.get("script"),
        fenced=bool(answer.get("fenced", False)),
        armed=armed,
        outdated=outdated,
        missing=tuple(sorted(users.keys() - {*armed, *outdated, *reasons})),
        unusable=reasons,
        interfering=tuple(Interference(found["table"], found["trigger"]) for found in answer.get("interfering", ())),
        entries=answer.get("entries", 0),
        dead=answer.get("dead", 0),
        functions=tuple(answer.get("functions", ())),
    )
