"""How fast a copy goes."""

from __future__ import annotations

import asyncio

from datalayer.transfer import Progress
from datalayer.transfer.pace import Pace


async def test_rows_are_counted_when_they_are_due() -> None:
    """Who watches a copy with a largest rate never sees it exceeded, whatever the size of its blocks."""
    time = asyncio.get_running_loop().time
    started, seen = time(), list[float]()

    def told(progress: Progress) -> None:
        seen.append(progress.rows / (time() - started))

    pace = Pace({"t": 3000}, told, 30_000)
    await asyncio.gather(*(pace.passed("t", 500) for _ in range(6)))
    assert len(seen) == 6
    assert max(seen) <= 30_000
