"""What settings' values look like as text, and what is said of one that cannot be used."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError
from pydantic_settings import NoDecode

from datalayer.errors import ConfigurationError
from datalayer.flags import StoreKind
from datalayer.models.rules import DEFAULT_PHONE_REGION

#: How alike a variable and a setting must be for the one to be taken for the other, misspelt; 1 is the same.
_ALIKE = 0.9


def _flag(value: object) -> bool:
    text = str(value).strip().lower()
    if text not in {"true", "false"}:
        raise ValueError("must be true or false")
    return text == "true"


def _region(text: str) -> str:
    if re.fullmatch("[A-Z]{2}", text) is None:
        raise ValueError("must be two capital letters, the code of a country such as RU")
    if text != DEFAULT_PHONE_REGION:
        from phonenumbers import SUPPORTED_REGIONS

        if text not in SUPPORTED_REGIONS:
            raise ValueError("is no region of phone numbers; set the code of a country such as RU")
    return text


def _listed(value: object) -> object:
    """Take text as a list with commas; what code gives is a list already."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def parse_routes(value: object) -> Mapping[str, StoreKind]:
    """Take text as a JSON object; in either form the store is one of three."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            value = None
    if not isinstance(value, Mapping):
        raise ValueError('must be a JSON object from table to store, such as {"clients": "postgres"}')
    wrong = [str(table) for table, kind in value.items() if kind not in set(StoreKind)]
    if wrong:
        raise ValueError(f"table {wrong[0]}: must be one of {', '.join(StoreKind)}")
    return {str(table): StoreKind(kind) for table, kind in value.items()}


Flag = Annotated[bool, BeforeValidator(_flag)]
Listed = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_listed)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Region = Annotated[str, AfterValidator(_region)]
Routes = Annotated[Mapping[str, StoreKind], NoDecode, BeforeValidator(parse_routes)]


def misspelt(variables: Iterable[str], settings: Sequence[str]) -> list[tuple[str, str]]:
    """Return the variables that are no setting and look like one, each with the setting it looks like.

    They begin alike: DATABSE_URL is taken for DATABASE_URL, TEST_DATABASE_URL is somebody else's.
    """
    pairs = []
    for name in variables:
        kin = [setting for setting in settings if setting[:3] == name[:3].upper()]
        near = difflib.get_close_matches(name.upper(), kin, n=1, cutoff=_ALIKE)
        if near and near[0] != name.upper():
            pairs.append((name, near[0]))
    return pairs


def configuration_error(error: ValidationError) -> ConfigurationError:
    """Name every variable and its broken rule; pydantic's messages for these types carry no input."""
    problems = [
        (str(problem["loc"][0]).upper(), problem["msg"].removeprefix("Value error, "))
        for problem in error.errors(include_input=False, include_url=False)
    ]
    message = "; ".join(f"{name}: {rule}" for name, rule in problems)
    return ConfigurationError(message, variables=tuple(dict.fromkeys(name for name, _ in problems)))
