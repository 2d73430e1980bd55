"""Static files of the core and of plugins: where they are, and how they get to where a web server sends them from.

A plugin's are in the folder ``static`` of its package. They are served below ``STATIC_URL``, each under its bringer's name:
``/static/file/logo.svg``.
"""

from __future__ import annotations

import filecmp
import os
import shutil
import uuid
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from pulp_actor.errors import ConfigurationError
from pulp_actor.plugins import load_plugins
from pulp_actor.settings import settings


@dataclass
class Collected:
    """How many files were copied, were the same already, and were removed because nobody brings them any more."""

    copied: int = 0
    unchanged: int = 0
    removed: int = 0


def static_folders() -> dict[str, Path]:
    """Who brings static files, and where they are: ``core``, and plugins by name."""
    found = {"core": Path(str(resources.files("api") / "static"))}
    for plugin in load_plugins():
        folder = Path(str(resources.files(plugin.module) / "static"))
        if folder.is_dir():
            found[plugin.name] = folder
    return found


def static_root() -> Path:
    """Where they are gathered: ``STATIC_ROOT``, by default ``static`` in the data directory."""
    return Path(settings.STATIC_ROOT).expanduser().absolute() if settings.STATIC_ROOT else settings.data_dir / "static"


def collect(root: Path) -> Collected:
    """Make ``root`` hold every static file, and nothing else in the folders of those who bring some. Each file is replaced
    at once, so that it can be served meanwhile.

    Raises:
        ConfigurationError: ``root`` cannot be written, or lies where static files come from.
    """
    done = Collected()
    try:
        for name, source in static_folders().items():
            if root.resolve().is_relative_to(source.resolve()):
                raise ConfigurationError(f"STATIC_ROOT must not lie in {source}, where files are gathered from")
            _mirror(source, root / name, done)
    except OSError as error:
        raise ConfigurationError(f"static files cannot be gathered in {root}: {error}") from None
    return done


def _mirror(source: Path, target: Path, done: Collected) -> None:
    wanted = {path.relative_to(source) for path in source.rglob("*") if path.is_file()}
    for path in sorted(wanted):
        _copy(source / path, target / path, done)
    for path in [path for path in target.rglob("*") if path.is_file() and path.relative_to(target) not in wanted]:
        path.unlink()
        done.removed += 1


def _copy(source: Path, target: Path, done: Collected) -> None:
    if target.is_file() and filecmp.cmp(source, target, shallow=False):
        done.unchanged += 1
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    shutil.copyfile(source, beside)
    os.replace(beside, target)
    done.copied += 1
