"""Column types that the models share: the stored type, and the rule for writing."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Annotated, Any, TypeAlias

from pydantic import AllowInfNan, BeforeValidator

from datalayer.models import rules
from datalayer.models.base import OnWrite

#: An id given by the CRM, company ids included.
CrmId: TypeAlias = Annotated[int, OnWrite(BeforeValidator(rules.no_truth)), OnWrite(rules.positive_id)]
#: Digits with country code.
Phone: TypeAlias = Annotated[str, OnWrite(rules.phone)]
#: Text without spaces around it, never empty.
Title: TypeAlias = Annotated[str, OnWrite(rules.trimmed)]
#: Text without spaces around it.
Name: TypeAlias = Annotated[str, OnWrite(str.strip)]
Date: TypeAlias = Annotated[dt.date, OnWrite(BeforeValidator(rules.iso_date))]
#: ``timestamp`` without time zone: a time given with a zone is brought to UTC, one given without is kept as it is.
Timestamp: TypeAlias = Annotated[dt.datetime, OnWrite(rules.utc_clock)]
#: ``timestamptz``.
ZonedTimestamp: TypeAlias = Annotated[dt.datetime, OnWrite(rules.utc_unless_zoned)]
Number: TypeAlias = Annotated[Decimal, AllowInfNan(True)]
#: An array may have NULLs inside.
Texts: TypeAlias = list[str | None]
Integers: TypeAlias = list[int | None]
#: A JSON document; its ``null`` is ``JSON_NULL``.
Json: TypeAlias = Any
