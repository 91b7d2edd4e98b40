"""What a writer meant to do and what it was told, kept where its death cannot reach it."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

#: The number a row is to have, by its code; None where it is to be gone.
Aim: TypeAlias = Mapping[str, int | None]


class WriterLog:
    """Appends lines with one system call each: the kernel keeps them when the process is killed."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._number = 0

    def begin(self, aim: Aim) -> int:
        """Note a write before it is sent."""
        self._number += 1
        self._append({"begin": self._number, "aim": aim})
        return self._number

    def acknowledge(self, number: int) -> None:
        """Note that the write was answered as done."""
        self._append({"done": number})

    def refuse(self, number: int) -> None:
        """Note that the write was answered as not done."""
        self._append({"refused": number})

    def _append(self, line: Mapping[str, object]) -> None:
        os.write(self._file, json.dumps(line).encode() + b"\n")


@dataclass(slots=True)
class Promise:
    """What may be there for one code in the end: the last acknowledged value, or one that was begun after it."""

    acknowledged: int | None = None
    was_acknowledged: bool = False
    open: list[int | None] = field(default_factory=list)

    def allows(self, value: int | None) -> bool:
        """Whether the store may hold this value; None is absence."""
        return value == self.acknowledged or value in self.open

    @property
    def is_deleted(self) -> bool:
        """Whether its absence was acknowledged and nothing was begun after that could bring it back."""
        return self.was_acknowledged and self.acknowledged is None and all(value is None for value in self.open)


@dataclass(frozen=True, slots=True)
class Promises:
    """All that the writers of a run were told."""

    by_code: Mapping[str, Promise]
    acknowledged: int
    unknown: int


def read_log(path: Path) -> Promises:
    """Read a log; its last line may have been cut off."""
    promises: dict[str, Promise] = defaultdict(Promise)
    begun: dict[int, Aim] = {}
    acknowledged = 0
    for text in path.read_text().split("\n") if path.exists() else ():
        try:
            line = json.loads(text)
        except ValueError:
            continue
        if "begin" in line:
            begun[line["begin"]] = line["aim"]
            for code, value in line["aim"].items():
                promises[code].open.append(value)
        elif "done" in line:
            acknowledged += 1
            for code, value in begun.pop(line["done"]).items():
                promises[code] = Promise(value, was_acknowledged=True)
        else:
            for code, value in begun.pop(line["refused"]).items():
                promises[code].open.remove(value)
    return Promises(promises, acknowledged, len(begun))
