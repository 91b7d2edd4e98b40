"""Dates and times that PostgreSQL has and Python has not, kept as the text that every PostgreSQL writes and reads.

infinity, -infinity    after and before all others
0044-03-15 BC          before the year 1
10000-01-01            after the year 9999
24:00:00               the end of a day
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from datalayer.stores.catalog import Kind

#: Later versions of Python take it for the beginning of a day.
END_OF_DAY: Final = "24:00:00"
_CLOCK: Final = r" \d\d:\d\d:\d\d(\.\d{1,6})?"


def _form(clock: str) -> re.Pattern[str]:
    return re.compile(rf"-?infinity|\d{{5,}}-\d\d-\d\d{clock}|\d{{4,}}-\d\d-\d\d{clock} BC", re.ASCII)


_FORMS: Final[Mapping[Kind, re.Pattern[str]]] = {
    Kind.DATE: _form(""),
    Kind.TIME: re.compile(END_OF_DAY),
    Kind.TIMESTAMP: _form(_CLOCK),
    Kind.TIMESTAMPTZ: _form(rf"{_CLOCK}\+00"),
}
ODD_KINDS: Final = frozenset(_FORMS)
_FRACTION: Final = re.compile(r"\.(\d+)")


class OddMoment(str):
    """One of them, in the date style ISO; one with a zone is in UTC."""

    __slots__ = ()

    @classmethod
    def read(cls, kind: Kind, text: str) -> OddMoment:
        """Read one of a kind; raises ValueError for any other text."""
        if not _FORMS[kind].fullmatch(text):
            raise ValueError("no date or time")
        return cls(text)

    @property
    def microsecond(self) -> int:
        """As a datetime has it."""
        found = _FRACTION.search(self)
        return int(found[1].ljust(6, "0")) if found else 0

    def in_utc(self) -> OddMoment:
        """Return a timestamp as one with a zone."""
        if self.endswith("infinity"):
            return self
        moment = self.removesuffix(" BC")
        return OddMoment(f"{moment}+00{' BC' if len(moment) < len(self) else ''}")

    def without_zone(self) -> OddMoment:
        """Return a timestamp in UTC as one without a zone."""
        return OddMoment(self.replace("+00", "", 1))
