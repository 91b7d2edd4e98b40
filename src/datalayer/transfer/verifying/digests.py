"""The hash of a text, the same here and in PostgreSQL; hashes of rows are added, so that no order matters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import md5, sha256
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
        return int.from_bytes(self.new(_encoded(text), usedforsecurity=False).digest()[:_CUT_BYTES], signed=True)

    def row_sql(self, text: str) -> str:
        """SQL: the hash of a row's text as 128 bits."""
        return f"('x' || left({self.sql(text)}, {2 * HASH_BYTES}))::bit({8 * HASH_BYTES})"

    def cut_sql(self, text: str) -> str:
        """SQL: what a key's text is cut by, a bigint."""
        return f"('x' || left({self.sql(text)}, {2 * _CUT_BYTES}))::bit({8 * _CUT_BYTES})::int8"


def sum_of_halves(upper: int, lower: int, negative: int) -> int:
    """Return a sum of hashes, added by their halves as PostgreSQL has them: 64 bits with a sign each.

    Args:
        negative: how many lower halves are below zero, each of which lacks 2**64.
    """
    return ((upper + negative << 64) + lower) % MODULUS


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


#: Quick; rows that share a hash can be made up.
MD5: Final = Digest("MD5", md5, lambda text: f"md5({text})")
#: Nobody can make up rows that share a hash.
SHA256: Final = Digest(
    "SHA-256",
    sha256,
    lambda text: f"encode(sha256(convert_to({text}, 'UTF8')), 'hex')",
)
