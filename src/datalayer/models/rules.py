"""Rules for values on their way into a store. A rule takes the typed value, answers the value to write, or raises.

A rule never runs on what a store returns: a legacy row that breaks one is still read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, TypeAlias

from pydantic import ValidationInfo

from datalayer.errors import ConfigurationError

#: Key of the validation context that holds the region of phone numbers written without a country code.
PHONE_REGION = "phone_region"
DEFAULT_PHONE_REGION = "RU"
MIN_PHONE_DIGITS = 10
#: The largest ``bigint``.
MAX_ID = 2**63 - 1

#: A text and the region to parse it in.
_Reading: TypeAlias = tuple[str, str | None]

_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def no_truth(value: Any) -> Any:
    """Refuse True and False, which would be read as the numbers 1 and 0."""
    if isinstance(value, bool):
        raise ValueError("must be a positive integer")
    return value


def positive_id(value: int) -> int:
    """Answer an id as it is; refuse zero and below, and what no column of integers holds."""
    if value <= 0:
        raise ValueError("must be a positive integer")
    if value > MAX_ID:
        raise ValueError("is too large for an id")
    return value


def trimmed(value: str) -> str:
    """Answer the text without spaces around it; refuse what is empty then."""
    text = value.strip()
    if not text:
        raise ValueError("must not be empty")
    return text


def iso_date(value: Any) -> Any:
    """Refuse a text that is not YYYY-MM-DD, and a number (it would be read as a Unix time)."""
    if isinstance(value, int | float) or (isinstance(value, str) and not _ISO_DATE.fullmatch(value)):
        raise ValueError("must be an ISO date, YYYY-MM-DD")
    return value


def utc_clock(value: datetime) -> datetime:
    """Bring a time with a zone to UTC, for columns that have no zone; one without stays, whatever clock it is of."""
    if value.tzinfo is None:
        return value
    try:
        return value.astimezone(UTC).replace(tzinfo=None)
    except OverflowError:
        raise ValueError("is out of range in UTC") from None


def utc_unless_zoned(value: datetime) -> datetime:
    """Take a time without zone as UTC, for columns that have one."""
    return value if value.tzinfo is not None else value.replace(tzinfo=UTC)


def phone(value: str, info: ValidationInfo) -> str:
    """Normalise a phone number; the region comes from the validation context."""
    context = info.context or {}
    return normalise_phone(value, context.get(PHONE_REGION, DEFAULT_PHONE_REGION))


def normalise_phone(text: str, region: str = DEFAULT_PHONE_REGION) -> str:
    """Answer a phone number as digits with its country code: ``8 (968) 648-44-88`` becomes ``79686484488``.

    An answer is its own answer, so a row that was read may be written again. The one kind of number for which this
    cannot hold, a foreign number that without its plus reads as a local one, is refused.

    In a model declare a column as :data:`datalayer.models.Phone`, which takes the region from the setting.

    Args:
        region: two letters, where a number without a country code belongs.

    Raises:
        ValueError: no possible phone number, or fewer than ten digits.
        ConfigurationError: the region is unknown.
    """
    answer = _digits_of(text, region)
    if answer != text and answer != _digits_of(answer, region):
        raise ValueError("without its plus this number reads as a local one and cannot be kept as digits")
    return answer


def _digits_of(text: str, region: str) -> str:
    """Take the best reading: a valid number before a merely possible one, a local one before a foreign one."""
    import phonenumbers

    if region not in phonenumbers.SUPPORTED_REGIONS:
        raise ConfigurationError(f"{region!r} is no region of phone numbers; use two capital letters such as RU")
    digits = phonenumbers.normalize_digits_only(text)
    local: _Reading = (text, region)
    foreign: _Reading = (f"+{digits}", None)
    if text.lstrip().startswith(("+", "＋")):
        readings: list[_Reading] = [(text, None)]
    elif digits.startswith(str(phonenumbers.country_code_for_region(region))):
        readings = [foreign, local]
    else:
        readings = [local, foreign]
    best = _best(readings)
    answer = phonenumbers.format_number(best, phonenumbers.PhoneNumberFormat.E164).removeprefix("+")
    if len(answer) < MIN_PHONE_DIGITS:
        raise ValueError(f"must have at least {MIN_PHONE_DIGITS} digits, the country code included")
    return answer


def _possible(reading: _Reading) -> Any:
    """Parse a number in its region; None for what is none."""
    import phonenumbers

    try:
        number = phonenumbers.parse(*reading)
    except phonenumbers.NumberParseException:
        return None
    return number if phonenumbers.is_possible_number(number) else None


def _best(readings: Iterable[_Reading]) -> Any:
    """Answer the first valid reading, else the first possible one."""
    import phonenumbers

    fallback = None
    for number in map(_possible, readings):
        if number is not None and phonenumbers.is_valid_number(number):
            return number
        fallback = fallback or number
    if fallback is None:
        raise ValueError("is no possible phone number")
    return fallback
