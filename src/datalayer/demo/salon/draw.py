"""What the tables of the salon share: its day, its ids, and values drawn from one seeded generator."""

from __future__ import annotations

import base64
import datetime as dt
import random
import uuid
from decimal import Decimal
from typing import Final

COMPANY_ID: Final = 962302
#: The salon's day; everything else lies around it, so that the data is the same on every run.
TODAY: Final = dt.date(2026, 11, 16)
#: The present, as the layers of the demo are told it.
NOW: Final = dt.datetime(2026, 11, 16, 9, 0, tzinfo=dt.UTC)

_PREFIXES: Final = (903, 905, 909, 910, 915, 916, 921, 925, 926, 937, 950, 952, 960, 962, 968, 977, 981, 985, 996, 999)


class Draw(random.Random):
    """A seeded generator with the salon's kinds of values."""

    def phones(self, count: int) -> list[str]:
        """Return distinct mobile numbers, digits with country code; 555 in the middle, as in films."""
        numbers = self.sample(range(len(_PREFIXES) * 10_000), count)
        return [f"7{_PREFIXES[number // 10_000]}555{number % 10_000:04}" for number in numbers]

    def crm_ids(self, count: int, low: int, high: int) -> list[int]:
        """Return distinct ids, ascending."""
        return sorted(self.sample(range(low, high), count))

    def chance(self, share: float) -> bool:
        """Return True in about so many of all cases."""
        return self.random() < share

    def roubles(self, low: int, high: int) -> Decimal:
        """Return an amount with kopecks, often round."""
        kopecks = self.choice((0, 0, 0, 50, 99)) if self.chance(0.4) else 0
        return Decimal(self.randrange(low, high, 50) * 100 + kopecks).scaleb(-2)

    def uuid(self) -> uuid.UUID:
        """Return a random UUID, the same on every run."""
        return uuid.UUID(int=self.getrandbits(128), version=4)

    def moment(self, day: dt.date, hours: tuple[int, int] = (9, 20)) -> dt.datetime:
        """Return a moment of the day as the server records it: microseconds, no time zone."""
        seconds = self.randrange(hours[0] * 3600, hours[1] * 3600)
        return dt.datetime.combine(day, dt.time()) + dt.timedelta(seconds=seconds, microseconds=self.randrange(10**6))

    def base64(self, size: int) -> str:
        """Return so many random bytes in base64, as WhatsApp libraries keep keys."""
        return base64.b64encode(self.randbytes(size)).decode()


def days_ago(days: int) -> dt.date:
    """Return a day before the salon's day."""
    return TODAY - dt.timedelta(days=days)
