"""Compares what the stores hold in the end with each other and with what was promised."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg
from tests.integration.crash.log import Promises
from tests.integration.crash.places import Place

_TABLES = ("parents", "children")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is wrong after a run; all zero when nothing is."""

    lost: int
    resurrected: int
    unequal: int

    @property
    def is_clean(self) -> bool:
        """Whether every promise was kept."""
        return not (self.lost or self.resurrected or self.unequal)


def judge(place: Place, promises: Promises, *, primary: str) -> Verdict:
    """Look at both databases by the back door."""
    sides = [_rows(place.postgres), _rows(place.behind)]
    held = sides[0 if primary == "postgres" else 1]
    values = {row[1]: row[2] for row in held["parents"]}
    broken = {code: each for code, each in promises.by_code.items() if not each.allows(values.get(code))}
    resurrected = sum(each.is_deleted for each in broken.values())
    unequal = sum(len(set(sides[0][table]) ^ set(sides[1][table])) for table in _TABLES)
    return Verdict(len(broken) - resurrected, resurrected, unequal)


def _rows(dsn: str) -> dict[str, list[tuple[Any, ...]]]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        return {
            "parents": connection.execute("select id, code, n, note, amount, changed_at from parents").fetchall(),
            "children": connection.execute("select id, parent_id, label, n from children").fetchall(),
        }
