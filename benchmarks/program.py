"""`python -m benchmarks.program CLIENT ACTION ADDRESS TABLE`: one library in a process of its own, measured inside.

ACTION is ``first`` (read one row), ``stream`` (read a table, keep nothing) or ``keep`` (read a table into a list).
Prints one JSON object: seconds to import, seconds to act, the largest memory in megabytes.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
from collections import deque
from collections.abc import Callable
from time import perf_counter
from typing import Any

from benchmarks.memory import peak_mb


def main() -> None:
    """Import, act, report."""
    client, action, address, table = sys.argv[1:]
    started = perf_counter()
    module = importlib.import_module(f"benchmarks.clients.{client}")
    imported = perf_counter()
    if action == "first":
        asyncio.run(module.first_row(address))
    else:
        kept: list[Any] = []
        use: Callable[[Any], None] = kept.append if action == "keep" else deque[Any](maxlen=0).append
        asyncio.run(module.read_all(address, table, use))
    ended = perf_counter()
    print(json.dumps({"import": imported - started, "action": ended - imported, "peak_mb": peak_mb()}))


if __name__ == "__main__":
    main()
