"""The clients that the tests of this folder call, names that nobody else uses, and a repository that has been synced."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support import names
from tests.support.clients import Clients, kept_promises
from tests.support.origin import Origin, make_files, running_origin
from tests.support.platform import RunningPlatform


@pytest.fixture
def clients(request: pytest.FixtureRequest, platform: RunningPlatform) -> Iterator[Clients]:
    """The clients; at its end the test has called all the operations that it says it calls."""
    yield from kept_promises(request, platform)


@pytest.fixture(scope="session")
def fresh() -> Callable[[str], str]:
    """Makes names that no other test uses."""
    return names.fresh


def sync(clients: Clients, name: str, origin: Origin) -> Any:
    """A new repository with three files, synced from an origin."""
    url = origin.publish(name, make_files(3, "clients"))
    remote = clients.RemotesFileApi.create({"name": name, "url": url})
    repository = clients.RepositoriesFileApi.create({"name": name, "remote": remote.pulp_href})
    task = clients.settled(clients.RepositoriesFileApi.sync(repository.pulp_href, {"mirror": True}))
    assert [one.code for one in task.progress_reports]
    return clients.RepositoriesFileApi.read(repository.pulp_href)


@pytest.fixture(scope="module")
def synced(platform: RunningPlatform, fresh: Callable[[str], str]) -> Any:
    """A repository with three files, synced from an origin that is gone."""
    with running_origin() as origin:
        return sync(Clients(platform), fresh("synced"), origin)
