"""The hash of a text, the same here and in PostgreSQL; hashes of rows are added, so that no order matters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import md5, sha256
from importlib import import_module
from typing import Final, Protocol

#: Sums of hashes are taken modulo this.
MODULUS: Final = 1 << 128
HASH_BYTES: Final = 16
_CUT_BYTES: Final = 8


class Hash(Protocol):
    """What hashlib makes of bytes."""

    def digest(self) -> bytes:
        """Return the hash."""


class NewHash(Protocol):
    """A function of hashlib. Without usedforsecurity, MD5 is refused where only approved hashes are allowed."""

    def __call__(self, content: bytes, /, *, usedforsecurity: bool) -> Hash:
        """Hash bytes."""


@dataclass(frozen=True, slots=True)
class Digest:
    """128 bits of a text.

    Args:
        name: as reports have it.
        new: hashes bytes here; the first 16 bytes of the digest count.
        sql: the same in PostgreSQL's SQL, in hexadecimal.
    """

    name: str
    new: NewHash
    sql: Callable[[str], str]

    def number(self, text: str) -> int:
        """Return the hash of a row's text as a whole number."""
        return self.of(_encoded(text))

    def of(self, content: bytes) -> int:
        """Return the same of a text that is bytes already."""
        return int.from_bytes(self.new(content, usedforsecurity=False).digest()[:HASH_BYTES])

    def cut(self, text: str) -> int:
        """Return what a key's text is cut by: 64 bits as a signed number."""
        return self.cut_of(_encoded(text))

    def cut_of(self, content: bytes) -> int:
        """Return the same of a text that is bytes already."""
        return int.from_bytes(self.new(content, usedforsecurity=False).digest()[:_CUT_BYTES], signed=True)

    def row_sql(self, text: str) -> str:
        """SQL: the hash of a row's text as 128 bits; the cast leaves out what comes behind them."""
        return f"('x' || {self.sql(text)})::bit({8 * HASH_BYTES})"

    def cut_sql(self, text: str) -> str:
        """SQL: what a key's text is cut by, a bigint."""
        return f"('x' || {self.sql(text)})::bit({8 * _CUT_BYTES})::int8"


def sum_of_halves(upper: int, lower: int, negative: int) -> int:
    """Return a sum of hashes, added by their halves as PostgreSQL has them: 64 bits with a sign each.

    Args:
        negative: how many lower halves are below zero, each of which lacks 2**64.
    """
    return ((upper + negative << 64) + lower) % MODULUS


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _own_md5() -> NewHash:
    """Return Python's own MD5 where it is built in: OpenSSL's takes longer to get ready than to hash a row."""
    try:
        own: NewHash = import_module("_md5").md5
    except ImportError:
        return md5
    return own


#: Quick; rows that share a hash can be made up.
MD5: Final = Digest("MD5", _own_md5(), lambda text: f"md5({text})")
#: Nobody can make up rows that share a hash.
SHA256: Final = Digest(
    "SHA-256",
    sha256,
    lambda text: f"encode(sha256(convert_to({text}, 'UTF8')), 'hex')",
)
