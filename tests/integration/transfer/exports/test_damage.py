"""Exports that are not what was written: every change is found and named, and nothing of them is loaded."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from datalayer.cli.app import run
from datalayer.errors import TransferError
from datalayer.stores.sqlite import SqliteStore
from datalayer.transfer.exports.checking import check_export
from datalayer.transfer.exports.exporting import export
from datalayer.transfer.loads.loading import load


@pytest.fixture
async def exported(tmp_path: Path) -> Path:
    """Lend an export of two tables."""
    store = await SqliteStore.open(tmp_path / "shop.sqlite")
    try:
        await store.run(
            lambda connection: connection.executescript(
                "create table goods (id integer primary key, title text);"
                "create table sales (id integer primary key, good integer references goods (id));"
                "insert into goods values (1, 'tea'), (2, 'Чай'); insert into sales values (1, 1), (2, 2);"
            ).close()
        )
        await export(store, tmp_path / "out")
    finally:
        await store.close()
    return tmp_path / "out"


@pytest.fixture
async def empty() -> AsyncIterator[SqliteStore]:
    """Lend an empty store."""
    store = await SqliteStore.open(":memory:")
    yield store
    await store.close()


def _flip(path: Path, place: int, mask: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= mask
    path.write_bytes(content)


def test_check_finds_any_flipped_byte(exported: Path) -> None:
    """One changed bit anywhere in any file is found, and the file is named."""
    for path in sorted(exported.iterdir()):
        content = path.read_bytes()
        for place in {*range(0, len(content), 1 + len(content) // 70), len(content) - 1}:
            _flip(path, place, 1 << place % 8)
            checked = check_export(exported)
            assert not checked.intact
            assert str(path) in checked.problems[0]
            path.write_bytes(content)
    assert check_export(exported).intact


def _edit(exported: Path) -> None:
    path = exported / "manifest.json"
    path.write_text(path.read_text().replace('"rows": 2', '"rows": 1'))


_DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda out: (out / "goods.ndjson.gz").unlink(), "goods.ndjson.gz is missing"),
    "truncated": (lambda out: (out / "goods.ndjson.gz").write_bytes(b"\x1f\x8b"), "goods.ndjson.gz has 2 bytes"),
    "swapped": (lambda out: shutil.copy(out / "goods.ndjson.gz", out / "sales.ndjson.gz"), "sales.ndjson.gz"),
    "edited manifest": (_edit, "manifest.json was edited"),
    "no manifest": (lambda out: (out / "manifest.json").unlink(), "has no manifest.json"),
    "unfinished": (lambda out: (out / "manifest.json").rename(out / "unfinished.json"), "is not finished"),
}


@pytest.mark.parametrize(("damage", "told"), _DAMAGE.values(), ids=_DAMAGE)
async def test_damaged_export_is_refused(
    exported: Path, empty: SqliteStore, damage: Callable[[Path], object], told: str
) -> None:
    """The file is named, and nothing was written."""
    damage(exported)
    assert any(told in problem for problem in check_export(exported).problems)
    with pytest.raises(TransferError, match=told):
        await load(exported, empty)
    assert not (await empty.catalog(refresh=True)).tables


def test_check_finds_a_file_that_does_not_belong(exported: Path) -> None:
    """A file more is not an export any more; what it may be is for its owner to say."""
    (exported / "notes.txt").write_text("mine")
    assert check_export(exported).problems == (f"{exported / 'notes.txt'} is not part of the export",)


def test_verify_command_says_what_is_wrong(exported: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 0 for what is as it was written, 1 with the file's name for what is not, 2 for no directory."""
    assert run(["export", "verify", str(exported)]) == 0
    assert "2 tables, 4 rows: every byte is as it was written" in capsys.readouterr().out
    _flip(exported / "goods.ndjson.gz", 20, 1)
    assert run(["export", "verify", str(exported)]) == 1
    assert "goods.ndjson.gz does not have the checksum" in capsys.readouterr().out
    assert run(["export", "verify", str(exported / "nowhere")]) == 2
