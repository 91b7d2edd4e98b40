"""A database as files: one compressed NDJSON file a table, and a manifest that proves them. docs/exporting.md."""
