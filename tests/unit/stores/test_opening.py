"""A store from its URL: which spellings name a file, and which are refused before a file is made."""

from __future__ import annotations

from pathlib import Path

import pytest

from datalayer.errors import ConfigurationError
from datalayer.stores.opening import open_store, sqlite_file


@pytest.fixture(autouse=True)
def empty_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Work in an empty directory."""
    monkeypatch.chdir(tmp_path)


def files(directory: Path) -> list[str]:
    """Name what was made."""
    return sorted(path.name for path in directory.iterdir())


@pytest.mark.parametrize("url", ["sqlite://shop.db", "sqlite://data/shop.db", "sqlite://"])
async def test_sqlite_url_with_two_slashes_is_refused(url: str, tmp_path: Path) -> None:
    """What stands there would be a host; the message has the right spelling, and no file appears."""
    rest = url.removeprefix("sqlite://")
    with pytest.raises(ConfigurationError, match=f"sqlite:///{rest or 'FILE'}"):
        await open_store(url)
    assert files(tmp_path) == []


async def test_sqlite_url_names_a_relative_and_an_absolute_file(tmp_path: Path) -> None:
    """Three slashes and four."""
    for url, file in (("sqlite:///one.db", "one.db"), (f"sqlite:///{tmp_path}/two.db", "two.db")):
        store = await open_store(url)
        await store.close()
        assert sqlite_file(url) in (Path(file), tmp_path / file)
    assert files(tmp_path) == ["one.db", "two.db"]
    assert sqlite_file("sqlite://:memory:") is None
    assert sqlite_file("postgresql://host/db") is None


async def test_missing_sqlite_file_is_not_made_unless_wanted(tmp_path: Path) -> None:
    """Who only reads meets a typing mistake as an error, and no empty file."""
    with pytest.raises(ConfigurationError, match=r"the file shop\.db does not exist"):
        await open_store("sqlite:///shop.db", create=False)
    assert files(tmp_path) == []


async def test_sqlite_file_that_is_there_opens_whether_or_not_it_may_be_made() -> None:
    """``create`` speaks of missing files alone."""
    await (await open_store("sqlite:///shop.db")).close()
    await (await open_store("sqlite:///shop.db", create=False)).close()
    await (await open_store("sqlite://:memory:", create=False)).close()


@pytest.mark.parametrize("url", ["supabase://app:hidden@project.supabase.co", "supabase+http://app@127.0.0.1:1"])
async def test_supabase_url_with_a_user_is_refused(url: str) -> None:
    """The key is not part of the URL; what stands there is not repeated."""
    with pytest.raises(ConfigurationError, match="SUPABASE_SERVICE_ROLE_KEY") as caught:
        await open_store(url, key="key")
    assert "hidden" not in str(caught.value)
