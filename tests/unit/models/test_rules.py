"""The rules for values on their way into a store."""

import datetime as dt

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datalayer.errors import ConfigurationError
from datalayer.models import normalise_phone, rules

REGIONS = st.sampled_from(["RU", "KZ", "DE", "US", "IT", "NO"])
NUMBERS = st.from_regex(r"\+?[0-9]{6,15}", fullmatch=True) | st.text(alphabet="+()- 0123456789", max_size=20)


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("89686484488", "79686484488"),
        ("+79686484488", "79686484488"),
        ("79686484488", "79686484488"),
        ("9686484488", "79686484488"),
        (" 8 (968) 648-44-88 ", "79686484488"),
        ("8 968 648-44-88 доб. 12", "79686484488"),
        (" +7 968 648-44-88 ext. 12", "79686484488"),
        ("88005553535", "78005553535"),
        ("+49 1511 2345678", "4915112345678"),
        ("8~10 49 1511 2345678", "4915112345678"),
        ("+1 (202) 555-0123", "12025550123"),
    ],
)
def test_normalise_phone_answers_digits_with_country_code(text: str, digits: str) -> None:
    """A number is the same digits however it is written."""
    assert normalise_phone(text) == digits


def test_normalise_phone_takes_the_region_from_its_argument() -> None:
    """A number without a country code belongs to the region given."""
    assert normalise_phone("(202) 555-0123", "US") == "12025550123"
    assert normalise_phone("01511 2345678", "DE") == "4915112345678"


@pytest.mark.parametrize("text", ["", "112", "123", "968648448", "call me", "7" * 30, "79686484488, 79686484489"])
def test_normalise_phone_refuses_what_is_no_number(text: str) -> None:
    """Too few digits, too many, none at all: each is refused."""
    with pytest.raises(ValueError, match="no possible phone number"):
        normalise_phone(text)


def test_normalise_phone_refuses_fewer_than_ten_digits() -> None:
    """A number that is possible somewhere still needs ten digits."""
    with pytest.raises(ValueError, match="at least 10 digits"):
        normalise_phone("+290 51234")


def test_normalise_phone_refuses_a_foreign_number_that_reads_as_a_local_one() -> None:
    """A Norwegian number of ten digits would come back as a Russian one when its row is written again."""
    assert normalise_phone("4722123456") == "74722123456"
    with pytest.raises(ValueError, match="reads as a local one"):
        normalise_phone("+4722123456")


def test_normalise_phone_names_an_unknown_region() -> None:
    """A wrong region is a wrong setting, not a wrong number."""
    with pytest.raises(ConfigurationError, match="'Russia' is no region"):
        normalise_phone("89686484488", "Russia")


@given(NUMBERS, REGIONS)
def test_normalise_phone_is_idempotent_and_answers_digits_only(text: str, region: str) -> None:
    """An answer is ten to fifteen digits, and its own answer."""
    try:
        answer = normalise_phone(text, region)
    except ValueError:
        return
    assert answer.isascii()
    assert answer.isdigit()
    assert 10 <= len(answer) <= 17
    assert normalise_phone(answer, region) == answer


@given(st.integers(min_value=9_000_000_000, max_value=9_999_999_999))
def test_normalise_phone_reads_every_russian_mobile_alike(national: int) -> None:
    """With 8, +7, 7 or nothing before them, ten digits that begin with 9 are one Russian number."""
    valid = phonenumbers.is_valid_number(phonenumbers.parse(f"+7{national}"))
    spellings = [f"8{national}", f"+7{national}", f"7{national}", *([str(national)] if valid else [])]
    assert {normalise_phone(text) for text in spellings} == {f"7{national}"}


def test_positive_id_refuses_what_is_out_of_range() -> None:
    """Ids of the CRM begin with one, and fit a column of integers."""
    assert rules.positive_id(1) == 1
    for value in (0, -1):
        with pytest.raises(ValueError, match="positive"):
            rules.positive_id(value)
    with pytest.raises(ValueError, match="too large"):
        rules.positive_id(2**63)


@given(st.text())
def test_trimmed_answers_text_without_spaces_around_it_or_refuses(text: str) -> None:
    """What is left has no spaces at its ends and is never empty."""
    try:
        answer = rules.trimmed(text)
    except ValueError:
        assert not text.strip()
    else:
        assert answer == text.strip() != ""


@given(st.dates())
def test_iso_date_takes_what_isoformat_writes(date: dt.date) -> None:
    """Dates, and their ISO text, pass."""
    assert rules.iso_date(date) == date
    assert rules.iso_date(date.isoformat()) == date.isoformat()


@pytest.mark.parametrize("value", ["20261121", "2026-W47-6", "21.11.2026", "2026-11-21T10:00", "", 0, 1.5, True])
def test_iso_date_refuses_other_spellings_and_numbers(value: object) -> None:
    """Pydantic would take some of these as a date or a Unix time."""
    with pytest.raises(ValueError, match="ISO date"):
        rules.iso_date(value)
