"""The generated clients (``pulpcore-client``, ``pulp-file-client``, ``pulp-certguard-client``) as their users have them."""

from __future__ import annotations

import importlib
from functools import cached_property
from typing import Any

from tests.support.platform import RunningPlatform

PACKAGES = {
    "core": "pulpcore.client.pulpcore", "file": "pulpcore.client.pulp_file",
    "certguard": "pulpcore.client.pulp_certguard",
}


class Clients:
    """Every API class of the three packages, by component and name, for one platform."""

    def __init__(self, platform: RunningPlatform) -> None:
        self.platform = platform
        self._connections: dict[str, Any] = {}

    def api(self, component: str, name: str) -> Any:
        """``api("file", "RepositoriesFileApi")``, ready to be used."""
        return getattr(self.package(component), name)(self._connection(component))

    @staticmethod
    def package(component: str) -> Any:
        return importlib.import_module(PACKAGES[component])

    def _connection(self, component: str) -> Any:
        if component not in self._connections:
            package, facts = self.package(component), self.platform.facts
            configuration = package.Configuration(host=facts.api, username=facts.username, password=facts.password)
            self._connections[component] = package.ApiClient(configuration)
        return self._connections[component]

    @cached_property
    def tasks(self) -> Any:
        return self.api("core", "TasksApi")

    def settled(self, answer: Any) -> Any:
        """The task behind an answer, ended well; or the answer itself where there is none."""
        href = getattr(answer, "task", None)
        if not href or hasattr(answer, "pulp_href"):
            return answer
        self.platform.client.wait(href)
        return self.tasks.read(href)

    def made(self, api: Any, answer: Any) -> Any:
        """What a create call has made, read back."""
        done = self.settled(answer)
        return api.read(done.created_resources[0]) if hasattr(done, "created_resources") else done
