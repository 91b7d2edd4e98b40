"""Python's collector of cyclic garbage, held back while a large list of rows is built."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

#: Fewer rows than these are built before the collector would come by twice.
MANY_ROWS: Final = 100


@contextmanager
def uncollected() -> Iterator[None]:
    """Put automatic collection off for a block that builds rows and waits for nothing.

    Rows hold no cycles: collecting while they grow finds nothing, and promotes thousands of objects, some of which are
    about to be dropped, until a collection of everything falls due. A collector that is off stays off.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
