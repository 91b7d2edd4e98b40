"""What shadow reads found, by table and method."""

from __future__ import annotations

import hashlib
import secrets
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

from datalayer.routing.mismatches import Mismatch, MismatchClass

Method: TypeAlias = Literal["select", "count"]
#: How a comparison ended. ``away``: the other store did not answer; ``skipped``: nothing says which rows it would be.
Outcome: TypeAlias = Literal["equal", "in_flight", "transient", "persistent", "away", "skipped"]

_KEPT: Final = 200
_COLUMNS: Final[tuple[Outcome, ...]] = ("equal", "in_flight", "transient", "persistent", "away", "skipped")
_SHOWN: Final = "{:28} {:7} {:>9} {:>9} {:>9} {:>10} {:>9} {:>9}  {}"


@dataclass(frozen=True, slots=True)
class Finding:
    """A persistent mismatch. Equal hashes mean equal values, within one process.

    Args:
        key: hash of the row's key.
        control: hash of the primary's value.
        candidate: hash of the other store's.
    """

    table: str
    method: Method
    kind: MismatchClass
    column: str | None
    key: str
    control: str
    candidate: str


@dataclass(frozen=True, slots=True)
class ShadowLine:
    """Numbers of one table and method.

    Args:
        outcomes: comparisons by how they ended.
        mismatches: persistent ones by class.
    """

    table: str
    method: Method
    outcomes: Mapping[Outcome, int]
    mismatches: Mapping[MismatchClass, int]


@dataclass(frozen=True, slots=True)
class ShadowReport:
    """What was compared since the layer opened.

    Args:
        dropped: samples that were given up since comparing could not keep pace.
        findings: the latest persistent mismatches.
    """

    lines: tuple[ShadowLine, ...] = ()
    dropped: int = 0
    findings: tuple[Finding, ...] = ()

    @property
    def persistent(self) -> int:
        """Persistent mismatches of all tables."""
        return sum(sum(line.mismatches.values()) for line in self.lines)

    def __str__(self) -> str:
        """Return a table for people."""
        lines = [_SHOWN.format("table", "method", *_COLUMNS, "classes")]
        for line in self.lines:
            numbers = [line.outcomes.get(outcome, 0) for outcome in _COLUMNS]
            classes = ", ".join(f"{kind} {count}" for kind, count in line.mismatches.items())
            lines.append(_SHOWN.format(line.table, line.method, *numbers, classes).rstrip())
        return "\n".join([*lines, f"dropped: {self.dropped}"])


@dataclass(slots=True)
class ShadowTally:
    """Counts as comparisons end. Changed by the comparing task alone, ``dropped`` by whoever offers a sample."""

    dropped: int = 0
    _outcomes: dict[tuple[str, Method], Counter[Outcome]] = field(default_factory=dict)
    _mismatches: dict[tuple[str, Method], Counter[MismatchClass]] = field(default_factory=dict)
    _findings: deque[Finding] = field(default_factory=lambda: deque(maxlen=_KEPT))
    _secret: bytes = field(default_factory=lambda: secrets.token_bytes(16))

    def add(self, table: str, method: Method, outcome: Outcome, mismatches: list[Mismatch]) -> None:
        """Count one comparison, and what persists."""
        self._outcomes.setdefault((table, method), Counter())[outcome] += 1
        for found in mismatches:
            self._mismatches.setdefault((table, method), Counter())[found.kind] += 1
            hashed = (self._hash(found.key), self._hash(found.control), self._hash(found.candidate))
            self._findings.append(Finding(table, method, found.kind, found.column, *hashed))

    def report(self) -> ShadowReport:
        """Return the numbers of this moment."""
        lines = tuple(
            ShadowLine(*named, dict(outcomes), dict(self._mismatches.get(named, {})))
            for named, outcomes in sorted(self._outcomes.items())
        )
        return ShadowReport(lines, self.dropped, tuple(self._findings))

    def _hash(self, value: Any) -> str:
        """Hash with a secret of this process, so that nobody can try out phone numbers."""
        return hashlib.blake2b(repr(value).encode(), key=self._secret, digest_size=8).hexdigest()
