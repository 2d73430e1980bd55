"""Switching domains off while there are some would show everybody everything."""

import pytest

from pulp_actor.bootstrap import bootstrap
from pulp_actor.db import connected
from pulp_actor.errors import ConfigurationError
from pulp_actor.models import Domain
from pulp_actor.settings import settings


def test_no_service_starts_with_domains_off_while_there_are_domains(database):
    with settings.override(DATABASE_URL=database.url):
        bootstrap()
        with connected():
            Domain.create(name="team")
        with pytest.raises(ConfigurationError, match="team"):
            bootstrap()
        with settings.override(DOMAIN_ENABLED=True):
            bootstrap()
