"""Keeps what psycopg's pool logs of each attempt to reach a server that is away out of an application's log.

Whoever asks the store hears of it, and the relay says it once. Other pools of the same application log as before.
"""

from __future__ import annotations

import logging
from itertools import count
from typing import Final

_PREFIX: Final = "datalayer-pool-"
_NUMBERS: Final = count(1)


class _OthersOnly(logging.Filter):
    """Passes what is not about connecting in one of our pools."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is somebody else's, or of another kind: an attempt's names its pool first."""
        first = record.args[0] if isinstance(record.args, tuple) and record.args else None
        return not (record.levelno == logging.WARNING and isinstance(first, str) and first.startswith(_PREFIX))


_OTHERS_ONLY: Final = _OthersOnly()


def quiet_name() -> str:
    """Return a name for a pool whose attempts to connect are not logged."""
    logging.getLogger("psycopg.pool").addFilter(_OTHERS_ONLY)
    return f"{_PREFIX}{next(_NUMBERS)}"
