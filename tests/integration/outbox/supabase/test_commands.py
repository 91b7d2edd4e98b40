"""Installing by the command, by the printed script, and taking it out again."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from tests.integration.outbox.supabase.project import Project

from datalayer.errors import (
    SchemaError,
)
from datalayer.outbox.capture import postgres as postgres_capture
from datalayer.outbox.capture import supabase as capture
from datalayer.stores.supabase import SupabaseStore


async def test_printed_script_installs_for_the_sql_editor(project: Project) -> None:
    """One text, run by the project's owner, does what the command does; it may be run twice, and taken back."""
    for _ in range(2):
        project.door.execute(capture.script().encode())
    direct = await project.direct()
    try:
        from datalayer.outbox.capture.installed import status_of

        told = await status_of(direct)
        assert (told.armed, told.is_current) == (("items", "prices"), True)
        project.door.execute(capture.uninstall_script().encode())
        assert not (await status_of(direct)).installed
        project.door.execute(capture.script(["items"]).encode())
        assert (await status_of(direct)).armed == ("items",)
        project.door.execute(capture.uninstall_script().encode())
    finally:
        await direct.close()
    left = project.door.execute("select proname from pg_proc where proname like 'datalayer%'").fetchall()
    assert left == []


async def test_outbox_commands_refuse_supabase_s_own_database(
    project: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With the same database on both sides nothing is installed there, and status does not say that all is well."""
    from datalayer.cli.app import run

    monkeypatch.chdir(tmp_path)
    for name, value in {
        "DATABASE_URL": project.url,
        "SUPABASE_URL": project.server.url,
        "SUPABASE_SERVICE_ROLE_KEY": project.server.service_key,
        "ENABLE_DUAL_WRITE": "true",
        "USE_LEGACY_SUPABASE": "true",
    }.items():
        monkeypatch.setenv(name, value)
    found = "select relname from pg_class where relname like 'datalayer%'"
    assert await asyncio.to_thread(run, ["outbox", "install"]) == 3
    assert "both stores are the same database" in capsys.readouterr().err
    assert project.door.execute(found).fetchall() == []
    assert await asyncio.to_thread(run, ["outbox", "install", "--url", project.url]) == 0
    try:
        await asyncio.to_thread(project.server.reload_schema)
        assert await asyncio.to_thread(run, ["outbox", "install"]) == 3
        assert await asyncio.to_thread(run, ["outbox", "status"]) == 3
        assert "both stores are the same database" in capsys.readouterr().err
        assert await asyncio.to_thread(run, ["supabase", "status"]) == 1
        assert "datalayer_apply" in capsys.readouterr().err
    finally:
        assert await asyncio.to_thread(run, ["outbox", "uninstall", "--url", project.url, "--yes"]) == 0


async def test_supabase_after_an_uninstall_by_the_outbox_s_command_is_told_as_it_is(
    project: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is left behind; PostgREST reads the schema again by itself, and says meanwhile which function is gone."""
    from datalayer.cli.app import run

    direct = await project.direct()
    await capture.install(direct)
    await asyncio.to_thread(project.server.reload_schema)
    opened = await SupabaseStore.open(project.server.url, project.server.service_key)
    try:
        project.door.execute("alter function datalayer_status(regclass[]) rename to datalayer_status_away")
        with pytest.raises(SchemaError, match=r"no such function.*notify pgrst"):
            await opened.call_function("datalayer_status", {}, writes=False)
        project.door.execute("alter function datalayer_status_away(regclass[]) rename to datalayer_status")
        assert await asyncio.to_thread(run, ["outbox", "uninstall", "--url", project.url, "--yes"]) == 0
        left = project.door.execute("select proname from pg_proc where proname like 'datalayer%'").fetchall()
        assert left == []
        for _ in range(100):
            if "datalayer_control" not in (await opened.catalog(refresh=True)).tables:
                break
            await asyncio.sleep(0.05)
        assert not (await capture.status(opened)).installed
    finally:
        await opened.close()
        await postgres_capture.uninstall(direct)
        await direct.close()


async def test_commands_install_show_and_uninstall(
    project: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What people type: install over the direct address, status over either way, uninstall; exit codes tell."""
    from datalayer.cli.app import run

    async def command(*arguments: str) -> tuple[int, str]:
        code = await asyncio.to_thread(run, arguments)
        return code, capsys.readouterr().out

    url = project.dsn
    assert (await command("supabase", "status", "--dsn", url))[0] == 1
    code, printed = await command("supabase", "install", "--dsn", url, "--tables", "items", "--json")
    told = json.loads(printed)["stores"]["supabase"]
    assert (code, told["armed_now"], told["current"]) == (0, ["items"], True)
    assert (await command("supabase", "install", "--dsn", url)) == (
        0,
        "supabase: installed, 1 table armed now, 2 in all\n",
    )
    await asyncio.to_thread(project.server.reload_schema)
    monkeypatch.setenv("SUPABASE_URL", project.server.url)
    monkeypatch.setenv("SUPABASE_SERVICE_ROLE_KEY", project.server.service_key)
    code, printed = await command("supabase", "status", "--json")
    assert (code, json.loads(printed)["armed"]) == (0, ["items", "prices"])
    assert "items, prices" in (await command("supabase", "status"))[1]
    project.door.execute("insert into items (id, name) values (4711, 'owed')")
    code, _ = await command("supabase", "uninstall", "--dsn", url)
    assert code == 2
    assert await command("supabase", "uninstall", "--dsn", url, "--yes") == (0, "supabase: uninstalled\n")
    assert await command("supabase", "uninstall", "--dsn", url) == (0, "supabase: nothing was installed\n")
    assert (await command("supabase", "install", "--print"))[1].startswith("begin;")
    assert (await command("supabase", "install"))[0] == 2
    assert (await command("supabase", "install", "--dsn", url, "--tables", "loose"))[0] == 2
