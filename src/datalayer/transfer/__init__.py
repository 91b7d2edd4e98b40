"""Moving data between any two stores, and proving that it arrived: copy and verify, for any tables.

Both read everything from the stores' live catalogs; no table is known by name.
"""

from datalayer.transfer.copying import copy
from datalayer.transfer.reports import (
    Check,
    CopiedTable,
    CopyReport,
    Difference,
    Differing,
    Progress,
    RepairedTable,
    RepairReport,
    VerifiedTable,
    VerifyReport,
)
from datalayer.transfer.verifying import repair, verify

__all__ = [
    "Check",
    "CopiedTable",
    "CopyReport",
    "Difference",
    "Differing",
    "Progress",
    "RepairReport",
    "RepairedTable",
    "VerifiedTable",
    "VerifyReport",
    "copy",
    "repair",
    "verify",
]
