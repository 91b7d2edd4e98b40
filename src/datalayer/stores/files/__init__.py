"""A directory of JSON files as a store to read from: one file a table, or one file a record. docs/files.md."""

from datalayer.stores.files.store import FilesStore

__all__ = ["FilesStore"]
