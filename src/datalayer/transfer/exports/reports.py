"""What an export reports."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datalayer.transfer.exports.manifest import Manifest


@dataclass(frozen=True, slots=True)
class ExportReport:
    """A finished export.

    Args:
        kept: tables that an earlier, broken run had finished.
        seconds: wall time of this run.
    """

    directory: Path
    manifest: Manifest
    kept: tuple[str, ...]
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """Return the report as JSON-ready values."""
        return {
            "directory": str(self.directory),
            "tables": [
                {"table": t.name, "rows": t.rows, "file": t.file, "bytes": t.bytes, "kept": t.name in self.kept}
                for t in self.manifest.tables
            ],
            "notes": list(self.manifest.notes),
            "seconds": round(self.seconds, 3),
        }
