"""The live schema's own answers: what is said of a table that is not there."""

from __future__ import annotations

import pytest

from datalayer.errors import UnknownTableError
from datalayer.stores.catalog import Catalog


def test_unknown_table_is_to_be_created_and_not_only_migrated() -> None:
    """A table of the user's own does not come with the package's migrations."""
    with pytest.raises(UnknownTableError) as caught:
        Catalog({}).table("notes", store="sqlite", operation="select")
    assert caught.value.hint is not None
    assert "datalayer migrate up --dir" in caught.value.hint
