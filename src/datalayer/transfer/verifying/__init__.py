"""Verify: every table of two stores compared, row counts and contents, whatever order the rows come in.

    two PostgreSQL servers           segment sums inside both servers ──┐
                                                                         ├─ equal? ─no─> keys, columns, classes
    any other pair                   rows ─> canonical bytes ─> BLAKE2b ─┘

Each side is read in one snapshot (Supabase: page by page). What each check can and cannot detect is told in
docs/verifying.md.
"""

from datalayer.transfer.verifying.repairing import repair
from datalayer.transfer.verifying.run import verify

__all__ = ["repair", "verify"]
