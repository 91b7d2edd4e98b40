"""`python -m benchmarks.reladiff_program DSN DSN TABLE`: compare a table in two databases with reladiff."""

from __future__ import annotations

import sys

from psycopg.conninfo import conninfo_to_dict
from reladiff import connect_to_table, diff_tables

from benchmarks.table import COLUMNS


def main() -> None:
    """Fail unless the tables are equal."""
    *dsns, table = sys.argv[1:]
    first, second = (connect_to_table(_connection(dsn), table, "id") for dsn in dsns)
    different = list(diff_tables(first, second, extra_columns=(*COLUMNS, "created_at", "updated_at")))
    if different:
        raise SystemExit(f"{len(different)} rows differ")


def _connection(dsn: str) -> dict[str, object]:
    return {"driver": "postgresql", **{key: value for key, value in conninfo_to_dict(dsn).items() if value}}


if __name__ == "__main__":
    main()
