"""A checksum of many rows that does not depend on their order, and stays small however many there are.

Each row is hashed (BLAKE2b, 128 bits, over its canonical bytes) and the hashes are added modulo 2**128. Why that tells
unequal tables apart: unequal rows have unequal canonical bytes, so their hashes behave like independent random numbers
of 128 bits, and two different collections have the same sum with a probability of 2**-128. Addition, unlike XOR,
counts: a row that is there twice does not cancel out. The sum guards against every accident (lost, doubled, changed
rows); it does not guard against someone who makes up rows on purpose so that sums meet, which takes far less work.
Source: Bellare and Micciancio, "A New Paradigm for Collision-free Hashing: Incrementality at Reduced Cost" (AdHASH).
"""

from __future__ import annotations

from hashlib import blake2b

DIGEST_BYTES = 16
_MODULUS = 1 << (8 * DIGEST_BYTES)


def digest(content: bytes) -> bytes:
    """Hash the canonical bytes of a row, a key or a value."""
    return blake2b(content, digest_size=DIGEST_BYTES).digest()


class Segments:
    """Checksums of a table cut into segments by the hash of each row's key.

    The segments cost little to keep beside the whole, and when two tables differ only the rows of unequal segments
    need a second look.

    Args:
        count: how many segments; a power of two up to 65,536.
    """

    def __init__(self, count: int) -> None:
        self.rows = 0
        self._mask = count - 1
        self._sums = [0] * count
        self._counts = [0] * count

    def add(self, key: bytes, row: bytes) -> None:
        """Count one row, given as digests of its key and of the whole of it."""
        self.rows += 1
        place = int.from_bytes(key[:2]) & self._mask
        self._sums[place] += int.from_bytes(row)
        self._counts[place] += 1

    def place(self, key: bytes) -> int:
        """Return the segment of a key, given as its digest."""
        return int.from_bytes(key[:2]) & self._mask

    def rows_in(self, place: int) -> int:
        """Return how many rows a segment has."""
        return self._counts[place]

    @property
    def checksum(self) -> str:
        """The checksum of all rows, in hexadecimal."""
        return (sum(self._sums) % _MODULUS).to_bytes(DIGEST_BYTES).hex()

    def unequal(self, other: Segments) -> list[int]:
        """Return the segments in which two tables differ."""
        pairs = enumerate(zip(self._sums, other._sums, self._counts, other._counts, strict=True))
        return [
            place for place, (mine, theirs, rows, others) in pairs if rows != others or (mine - theirs) % _MODULUS != 0
        ]
