"""What every process does before its own work: settings, logs, database, plugins, schema."""

from __future__ import annotations

import os

from pulp_actor import tracing
from pulp_actor.db import configure, database
from pulp_actor.db.connection import check_server
from pulp_actor.db.migrate import check
from pulp_actor.domains import check_domains
from pulp_actor.errors import ConfigurationError
from pulp_actor.logs import configure_logging, get_logger
from pulp_actor.plugins import load_plugins
from pulp_actor.settings import settings, unknown_variables

logger = get_logger(__name__)


def bootstrap(*, check_schema: bool = True) -> None:
    """Make this process ready to use models, the queue and plugins. Does not fork and leaves no connection open.

    Raises:
        ConfigurationError: a setting, the database or its schema cannot work; the text is one line for the user.
    """
    configure_logging(settings.LOG_LEVEL, settings.LOG_FORMAT)
    for variable, nearest in unknown_variables(os.environ):
        logger.warning("unknown environment variable", variable=variable, nearest=nearest or None)
    if not settings.DATABASE_URL:
        raise ConfigurationError("no database is configured: set PULP_DATABASE_URL, or use `pulp-actor up`")
    tracing.check()
    check_server(settings.DATABASE_URL)
    configure(settings.DATABASE_URL)
    plugins = load_plugins()
    if settings.DOMAIN_ENABLED and (foreign := [plugin.name for plugin in plugins if not plugin.domain_compatible]):
        raise ConfigurationError(f"DOMAIN_ENABLED: {', '.join(foreign)} cannot work with domains")
    if check_schema:
        check()
        check_domains()
        # A service that forks must have nothing open: two processes on one socket would read each other's answers.
        database.close_all()
