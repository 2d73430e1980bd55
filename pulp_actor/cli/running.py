"""Finds the platform that a command is to work on: the configured database, or the platform running in a data directory."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pulp_actor.bootstrap import bootstrap
from pulp_actor.errors import ConfigurationError
from pulp_actor.settings import settings


def use_running_platform(data_dir: str | None) -> None:
    """Make this process work on the database of a platform, and with its settings.

    Raises:
        ConfigurationError: no database is configured and nothing runs in the data directory; or the database is away.
    """
    if data_dir:
        settings.set("--data-dir", DATA_DIR=data_dir)
    if not settings.DATABASE_URL:
        facts = settings.data_dir / "run" / "connection.json"
        settings.set(str(facts), DATABASE_URL=_read(facts)["database_url"])
    settings.set("quiet", LOG_LEVEL="ERROR")
    bootstrap()


def _read(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        raise ConfigurationError(
            f"nothing runs in {settings.data_dir}: start it with `pulp-actor up`, name another with --data-dir, "
            f"or set PULP_DATABASE_URL") from None
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"cannot read {path}: {error}") from None
