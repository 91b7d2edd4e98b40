"""Which tables a directory has, and their records as JSON.

clients.json                    a table: an array of objects
clients.ndjson, clients.jsonl   a table: an object a line; also with .gz behind it
clients/                        a table: each .json in it is one record
schema.json                     types and keys, for those who know better than what JSON says
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from datalayer.errors import ConfigurationError, InvalidValueError
from datalayer.stores.sqlite.declared import is_known

SCHEMA: Final = "schema.json"

_ARRAY: Final = (".json",)
_LINES: Final = (".ndjson", ".jsonl", ".ndjson.gz", ".jsonl.gz")


@dataclass(frozen=True, slots=True)
class Declaration:
    """What ``schema.json`` says of one table.

    Args:
        columns: types by column, in the words of the catalog, for example ``uuid`` or ``text[]``.
        primary_key: columns.
        file_name: the column that takes a record's file name without ``.json``.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    primary_key: tuple[str, ...] = ()
    file_name: str | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """One table's files."""

    table: str
    path: Path
    declaration: Declaration

    def records(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield each record behind the words for its place; numbers with a fraction are exact.

        Raises:
            InvalidValueError: a file or a line is not what it should be; names it.
        """
        if self.path.is_dir():
            yield from self._of_folder()
        elif self.path.name.endswith(_ARRAY):
            yield from self._of_array()
        else:
            yield from self._of_lines()

    def _of_folder(self) -> Iterator[tuple[str, dict[str, Any]]]:
        for path in sorted(self.path.iterdir()):
            if path.suffix == ".json" and path.is_file():
                record = _object(_parsed(path.read_bytes(), str(path)), str(path))
                if self.declaration.file_name is not None:
                    record = {self.declaration.file_name: path.stem, **record}
                yield str(path), record

    def _of_array(self) -> Iterator[tuple[str, dict[str, Any]]]:
        found = _parsed(self.path.read_bytes(), str(self.path))
        if not isinstance(found, list):
            raise InvalidValueError(f"{self.path} is not an array of objects")
        for number, record in enumerate(found, 1):
            place = f"{self.path}, record {number}"
            yield place, _object(record, place)

    def _of_lines(self) -> Iterator[tuple[str, dict[str, Any]]]:
        opened = gzip.open if self.path.suffix == ".gz" else open
        try:
            with opened(self.path, "rb") as lines:
                for number, line in enumerate(lines, 1):
                    place = f"{self.path}, line {number}"
                    if line.strip():
                        yield place, _object(_parsed(line, place), place)
        except (EOFError, gzip.BadGzipFile) as error:
            raise InvalidValueError(f"{self.path} is truncated or damaged: {error}") from None


def find_sources(directory: Path) -> list[Source]:
    """Return the tables of a directory.

    Raises:
        ConfigurationError: there is no such directory, a table has two files, or ``schema.json`` is malformed.
    """
    if not directory.is_dir():
        raise ConfigurationError(f"there is no directory {directory}; files:////path is absolute")
    if _is_export(directory / "manifest.json"):
        raise ConfigurationError(f"{directory} is an export, whose values are encoded: datalayer load reads it")
    declared = _declarations(directory / SCHEMA)
    sources: dict[str, Source] = {}
    for path in sorted(directory.iterdir()):
        table = _table_name(path)
        if table is None:
            continue
        if table in sources:
            raise ConfigurationError(f"the table {table} is there twice: {sources[table].path} and {path}")
        sources[table] = Source(table, path, declared.pop(table, Declaration()))
    if declared:
        raise ConfigurationError(f"{directory / SCHEMA} names {', '.join(sorted(declared))}, which has no file")
    return list(sources.values())


def _is_export(manifest: Path) -> bool:
    if not manifest.is_file():
        return False
    with manifest.open("rb") as file:
        return b'"format": "datalayer export"' in file.read(100)


def _table_name(path: Path) -> str | None:
    if path.name.startswith(".") or path.name == SCHEMA:
        return None
    if path.is_dir():
        return path.name
    ending = next((ending for ending in (*_ARRAY, *_LINES) if path.name.endswith(ending)), None)
    return None if ending is None else path.name.removesuffix(ending)


def _declarations(path: Path) -> dict[str, Declaration]:
    if not path.exists():
        return {}
    try:
        found = _parsed(path.read_bytes(), str(path))
    except InvalidValueError as error:
        raise ConfigurationError(str(error)) from None
    try:
        declared = {table: _declaration(said) for table, said in found["tables"].items()}
        unknown = [
            f"{table}.{column} is declared {word}"
            for table, declaration in declared.items()
            for column, word in declaration.columns.items()
            if not is_known(word)
        ]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ConfigurationError(
            f'{path} is malformed; it is {{"tables": {{NAME: {{"columns": {{COLUMN: TYPE}}, "primary_key": [COLUMN],'
            ' "file_name": COLUMN}}}'
        ) from None
    if unknown:
        raise ConfigurationError(f"{path}: {'; '.join(unknown)}, which is no type known here")
    return declared


def _declaration(said: Mapping[str, Any]) -> Declaration:
    unknown = said.keys() - {"columns", "primary_key", "file_name"}
    if unknown:
        raise ValueError
    return Declaration(dict(said.get("columns", {})), tuple(said.get("primary_key", ())), said.get("file_name"))


def _parsed(content: bytes, place: str) -> Any:
    try:
        return json.loads(content, parse_float=Decimal, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        where = f": {error.msg}, line {error.lineno}" if b"\n" in content.strip() else ""
        raise InvalidValueError(f"{place} is not JSON{where}") from None
    except ValueError:
        raise InvalidValueError(f"{place} is not JSON") from None


def _refuse_constant(word: str) -> None:
    raise ValueError(word)


def _object(found: Any, place: str) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise InvalidValueError(f"{place} is not an object")
    return found
