"""The README's move while the application runs: its commands as they stand, on servers of their own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from datalayer import Settings
from datalayer.testing.servers import FoundServer

README = Path(__file__).parents[2] / "README.md"
_BLOCK = re.compile(r"^```console\n(.*?)^```", re.DOTALL | re.MULTILINE)

#: An application that is started, writes, and ends; what it owes then is for `datalayer relay --once`.
APPLICATION = """
import asyncio, sys
from datalayer import DataLayer

async def main(first):
    async with DataLayer.open() as layer:
        clients = [{"yclients_id": n, "company_id": 1, "phone": f"+7999{n:07}"} for n in range(first, first + 20)]
        await layer.upsert_clients(clients)
        await layer.messages.insert({"company_id": 1, "client_phone": "79990000001", "content": str(layer.mode)})
        print("mode:", layer.mode, flush=True)

asyncio.run(main(int(sys.argv[1])))
"""


def commands() -> Iterator[str]:
    """Yield the lines to type, in their order; the first one, which names one's own stores, is left to the caller."""
    section = README.read_text().partition("## Move while the application runs")[2].partition("\n## ")[0]
    lines = [line[2:] for block in _BLOCK.findall(section) for line in block.splitlines() if line.startswith("$ ")]
    assert lines[0].startswith("export SUPABASE_URL=")
    yield from lines[1:]


def script(supabase: str) -> str:
    """Write what a stranger types, with the application started wherever the README says so."""
    lines = ["set -euo pipefail", "python application.py 1"]
    for line in commands():
        lines.append(line.replace("supabase://PROJECT.supabase.co", supabase))
        if line.startswith(("export ENABLE_DUAL_WRITE", "export USE_LEGACY_SUPABASE")):
            lines.append(f"python application.py {1000 * len(lines)}")
    verify = next(line for line in reversed(lines) if line.startswith("datalayer verify"))
    back = ["export USE_LEGACY_SUPABASE=true", "datalayer outbox unfence --yes", "python application.py 900000"]
    end = ["datalayer outbox uninstall", "datalayer supabase uninstall", "unset ENABLE_DUAL_WRITE"]
    return "\n".join(
        [
            *lines,
            "datalayer relay --once",
            verify,
            *back,
            "datalayer relay --once",
            verify,
            *end,
            "python application.py 950000",
        ]
    )


@pytest.mark.timeout(300)
def test_readme_moves_a_running_application_there_and_back(datalayer_postgres: FoundServer, tmp_path: Path) -> None:
    """Every command ends with 0, and the stores are equal after each turn of the flag."""
    (tmp_path / "application.py").write_text(APPLICATION)
    named = {name.upper() for name in Settings.model_fields}
    plain = {name: value for name, value in os.environ.items() if name not in named}
    plain["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{plain['PATH']}"
    with datalayer_postgres.fresh_database() as own, datalayer_postgres.fresh_postgrest() as legacy:
        subprocess.run(["datalayer", "migrate", "up", "--url", legacy.dsn], env=plain, check=True, capture_output=True)
        legacy.reload_schema()
        stores = {
            "SUPABASE_URL": legacy.url,
            "SUPABASE_SERVICE_ROLE_KEY": legacy.service_key,
            "SUPABASE_DB_URL": legacy.dsn,
            "DATABASE_URL": own,
        }
        done = subprocess.run(
            ["bash", "-c", script(f"supabase+{legacy.url}")],
            cwd=tmp_path,
            env=plain | stores,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    modes = [line.removeprefix("mode: ") for line in done.stdout.splitlines() if line.startswith("mode: ")]
    there, back = "supabase, postgres follows", "postgres, supabase follows"
    assert modes == ["supabase", there, back, there, "supabase"]
    assert [f"clients {n}/{n} rows match (100 %)" in done.stdout for n in (40, 60, 80)] == [True] * 3
    assert legacy.service_key not in done.stdout + done.stderr
