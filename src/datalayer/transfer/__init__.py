"""Moving data between any two stores, and proving that it arrived: copy and verify, for any tables.

Both read everything from the stores' live catalogs; no table is known by name.
"""

from datalayer.transfer.copying import copy
from datalayer.transfer.reports import CopiedTable, CopyReport, Difference, Progress, VerifiedTable, VerifyReport
from datalayer.transfer.verifying import verify

__all__ = [
    "CopiedTable",
    "CopyReport",
    "Difference",
    "Progress",
    "VerifiedTable",
    "VerifyReport",
    "copy",
    "verify",
]
