"""Keys of a SQLite target that are spelt otherwise than they would be written: an upsert would add their rows again."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from typing import Any

from datalayer.errors import RefusedError
from datalayer.stores.catalog import Kind
from datalayer.stores.sql_names import quote_all
from datalayer.stores.sqlite.catalog import read_schema
from datalayer.stores.sqlite.codecs import Codec
from datalayer.stores.sqlite.decode import DECODERS
from datalayer.stores.sqlite.encode import ENCODERS
from datalayer.stores.sqlite.spellings import can_be_spelt_otherwise, spelt_otherwise
from datalayer.transfer.naming import key_text
from datalayer.transfer.pairing import TablePair


def refuse_other_spellings(connection: sqlite3.Connection, pair: TablePair, *, texts_only: bool = False) -> None:
    """Refuse a table that has such a key: its unique index compares texts.

    Args:
        texts_only: look only at columns of text that are uuids in the source, which no comparison by value finds.

    Raises:
        RefusedError: names the first such key.
    """
    facts = read_schema(connection).facts[pair.name]
    for name in pair.key:
        codec, is_text = facts.codecs[name], False
        if codec.column.type.kind is Kind.TEXT and pair.source.by_name[name].type.kind is Kind.UUID:
            codec, is_text = _as_uuid(codec), True
        if can_be_spelt_otherwise(codec) and (is_text or not texts_only):
            with closing(spelt_otherwise(connection, pair.name, codec, f", {quote_all(pair.key)}")) as found:
                first = next(found, None)
            if first is not None:
                raise _refusal(pair, codec, first)


def _as_uuid(codec: Codec) -> Codec:
    kind = Kind.UUID
    column = replace(codec.column, type=replace(codec.column.type, kind=kind))
    return replace(codec, column=column, read=DECODERS[kind], write=ENCODERS[kind])


def _refusal(pair: TablePair, codec: Codec, found: tuple[Any, ...]) -> RefusedError:
    stored, *key = found
    name = codec.column.name
    at = key_text(dict(zip(pair.key, key, strict=True)))
    return RefusedError(
        f"no row of {pair.name} was written: the target has a key {pair.name}.{name} that is spelt otherwise than it"
        f" would be written: {stored} instead of {codec.write(codec.read(stored))!s}, at {at}; SQLite takes the two for"
        " different keys, and the row would be there twice; spell the stored keys so, and what refers to them",
        table=pair.name,
    )
