"""Moving data between any two stores, and proving that it arrived: copy, sync and verify, for any tables.

All read everything from the stores' live catalogs; no table is known by name.
"""

from datalayer.transfer.copying import copy, plan_copy
from datalayer.transfer.planning import CopyPlan, PlannedTable
from datalayer.transfer.reports import (
    CatchUpReport,
    Check,
    CopiedTable,
    CopyReport,
    Difference,
    Differing,
    Progress,
    RepairedTable,
    RepairReport,
    SyncedTable,
    VerifiedTable,
    VerifyReport,
)
from datalayer.transfer.syncing import sync
from datalayer.transfer.verifying import repair, verify

__all__ = [
    "CatchUpReport",
    "Check",
    "CopiedTable",
    "CopyPlan",
    "CopyReport",
    "Difference",
    "Differing",
    "PlannedTable",
    "Progress",
    "RepairReport",
    "RepairedTable",
    "SyncedTable",
    "VerifiedTable",
    "VerifyReport",
    "copy",
    "plan_copy",
    "repair",
    "sync",
    "verify",
]
