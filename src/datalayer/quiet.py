"""Keeps log records back that say once more, and to nobody's use, what the error of a program says."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def silenced(logger_name: str) -> Iterator[None]:
    """Let a logger pass only what is critical until the block has ended."""
    logger = logging.getLogger(logger_name)
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)
