"""SQL that makes a table like one of another store: types, defaults, keys."""

from __future__ import annotations

from typing import Final

#: Note on a table of PostgreSQL whose rows live in partitions.
PARTITIONED: Final = "{} is partitioned in the source; the target keeps one plain table"
