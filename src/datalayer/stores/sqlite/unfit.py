"""A value that does not fit its column, before table and column are known."""

from __future__ import annotations

WRONG_FORM = "22P02"
TOO_LONG = "22001"
OUT_OF_RANGE = "22003"
BAD_DATE = "22007"
BAD_TEXT = "22021"
WRONG_TYPE = "42883"


class Unfit(Exception):  # noqa: N818 - never leaves the package: whoever knows the column raises UnfitValueError
    """Why a value does not fit.

    Args:
        sqlstate: the code PostgreSQL has for it.
        reason: in words, without the value.
    """

    def __init__(self, sqlstate: str, reason: str, *, hint: str | None = None) -> None:
        super().__init__(reason)
        self.sqlstate = sqlstate
        self.reason = reason
        self.hint = hint
