"""Finds the platform that a command is to work on: the configured database, or the platform running in a data directory."""

from __future__ import annotations

from pulp_actor.bootstrap import bootstrap
from pulp_actor.cli.rundir import RunDir
from pulp_actor.errors import ConfigurationError
from pulp_actor.settings import settings


def use_running_platform(data_dir: str | None) -> None:
    """Make this process work on the database of a platform: that of ``data_dir`` if given, else the configured one, else
    that of the default data directory.

    Raises:
        ConfigurationError: no database is configured and nothing runs in the data directory; or the database is away.
    """
    if data_dir:
        settings.set("--data-dir", DATA_DIR=data_dir)
    if data_dir or not settings.DATABASE_URL:
        _use_platform_in_data_dir()
    # What a person asked for goes to standard output; of what goes on inside, only trouble is told.
    settings.set("pulp-actor tasks", LOG_LEVEL="ERROR")
    bootstrap()


def _use_platform_in_data_dir() -> None:
    run = RunDir(settings.data_dir)
    facts = run.read()
    if facts is not None:
        settings.set(str(run.path), **facts.settings, DATABASE_URL=facts.database_url)
    elif not settings.DATABASE_URL:
        raise ConfigurationError(
            f"nothing runs in {settings.data_dir}: start it with `pulp-actor up`, name another with --data-dir, "
            f"or set PULP_DATABASE_URL")
