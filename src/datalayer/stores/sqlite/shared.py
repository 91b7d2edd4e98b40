"""What a SQLite store and its transactions have in common."""

from __future__ import annotations

from dataclasses import dataclass, field

from datalayer.stores.sqlite.asking import Asker
from datalayer.telemetry import Observer


@dataclass(frozen=True, slots=True)
class Shared:
    """Settings and the schema of one store.

    Args:
        timeout: default deadline of a call in seconds.
        observers: who hears of each call.
    """

    timeout: float
    observers: tuple[Observer, ...]
    asker: Asker = field(default_factory=Asker)
