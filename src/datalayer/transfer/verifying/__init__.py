"""Verify: every table of two stores compared, row counts and contents, whatever order the rows come in.

    two like PostgreSQL servers      sums of their own row hashes ────────┐
    any other pair                   canonical texts ─> sums of hashes ───┼─ equal? ─no─> keys, columns, classes
    tables without a key             rows ─> canonical bytes ─> BLAKE2b ──┘

Each side is read in one snapshot (Supabase: page by page). What each check can and cannot detect is told in
docs/verifying.md.
"""

from datalayer.transfer.verifying.repairing import repair
from datalayer.transfer.verifying.run import verify

__all__ = ["repair", "verify"]
