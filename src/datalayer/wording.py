"""Words of messages."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """Return ``1 row`` or ``2,000 rows``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def agreed(number: int, verb: str, plural: str) -> str:
    """Return the form of a verb that goes with a number."""
    return verb if number == 1 else plural


def with_article(noun: str) -> str:
    """Return ``a dict`` or ``an int``."""
    return f"{'an' if noun[:1].lower() in 'aeiou' else 'a'} {noun}"
