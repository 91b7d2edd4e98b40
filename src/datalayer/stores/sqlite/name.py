"""The name of this store in errors and events."""

from __future__ import annotations

from typing import Final

from datalayer.stores.contract import StoreName

STORE: Final[StoreName] = "sqlite"
