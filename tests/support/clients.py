"""The generated clients (``pulpcore-client``, ``pulp-file-client``, ``pulp-certguard-client``) as their users have them.

A test says with ``@calls("ArtifactsApi.read", ...)`` which of their operations it calls, and the fixture ``clients`` holds
it to its word (`tests.support.promises`).
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, wraps
from pathlib import Path
from typing import Any

from tests.support.platform import RunningPlatform
from tests.support.promises import Promises
from tests.support.workers.waiting import eventually

PACKAGES = ("pulpcore.client.pulpcore", "pulpcore.client.pulp_file", "pulpcore.client.pulp_certguard")

#: What the names of an operation's other two forms end with.
FORMS = ("_with_http_info", "_without_preload_content")

#: Marks a test with the operations it calls: ``"ArtifactsApi.read"``.
calls = Promises("calls")


@dataclass(frozen=True)
class Offer:
    """What one class of a package offers, read from its text: to import the three packages takes seconds.

    Attributes:
        package: the name of the package, which has models and exceptions of its own.
        operations: ``{"create", "list", ...}``; each stands there in three forms, of which one counts.
        nested: whether what it lists is below another object.
    """

    package: str
    operations: frozenset[str]
    nested: bool


@cache
def offers() -> dict[str, Offer]:
    """Every class of the three packages that has operations, by its name; no two packages have one of the same name."""
    found: dict[str, Offer] = {}
    for package in PACKAGES:
        spec = importlib.util.find_spec(package)
        assert spec is not None and spec.submodule_search_locations is not None
        for path in Path(spec.submodule_search_locations[0], "api").glob("*_api.py"):
            text = path.read_text()
            (name,) = re.findall(r"^class (\w+Api):", text, re.MULTILINE)
            methods = re.findall(r"^    def ([a-z]\w*)\(\n        self,\n        (\w+)", text, re.MULTILINE)
            operations = {method: first for method, first in methods if not method.endswith(FORMS)}
            assert name not in found
            found[name] = Offer(package, frozenset(operations), operations.get("list", "").endswith("_href"))
    return found


def package_of(name: str) -> Any:
    """The package that a class belongs to."""
    return importlib.import_module(offers()[name].package)


def every_operation() -> set[str]:
    """``"ArtifactsApi.read"``, for every operation of every class."""
    return {f"{name}.{operation}" for name, offer in offers().items() for operation in offer.operations}


def lists() -> list[str]:
    """The classes that list objects which are not below another one."""
    return sorted(name for name, offer in offers().items() if "list" in offer.operations and not offer.nested)


class Api:
    """One class of a package, ready to be used; notes which of its operations have been called and have ended well."""

    def __init__(self, name: str, api: Any, succeeded: set[str]) -> None:
        self._name, self._api, self._succeeded = name, api, succeeded

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        call = getattr(self._api, operation)

        @wraps(call)
        def noted(*arguments: Any, **options: Any) -> Any:
            answer = call(*arguments, **options)
            self._succeeded.add(f"{self._name}.{operation}")
            return answer

        return noted


class Clients:
    """Every API class of the three packages, for one platform and its admin: ``clients.RepositoriesFileApi``.

    Attributes:
        succeeded: the operations that have been called and have ended well.
    """

    def __init__(self, platform: RunningPlatform) -> None:
        self.platform = platform
        self.succeeded: set[str] = set()
        self._login = (platform.facts.username, platform.facts.password)
        self._connections: dict[Any, Any] = {}

    def of_user(self, username: str, password: str) -> Clients:
        """The same for another user; what they call counts as called."""
        other = Clients(self.platform)
        other._login, other.succeeded = (username, password), self.succeeded
        return other

    def api(self, name: str) -> Any:
        """``api("RepositoriesFileApi")``, ready to be used."""
        package = package_of(name)
        return Api(name, getattr(package, name)(self._connection(package)), self.succeeded)

    def __getattr__(self, name: str) -> Any:
        if name not in offers():
            raise AttributeError(name)
        return self.api(name)

    def _connection(self, package: Any) -> Any:
        if package not in self._connections:
            username, password = self._login
            configuration = package.Configuration(host=self.platform.facts.api, username=username, password=password)
            self._connections[package] = package.ApiClient(configuration)
        return self._connections[package]

    def settled(self, answer: Any) -> Any:
        """The task behind an answer, ended well; or the answer itself where there is none."""
        href = getattr(answer, "task", None)
        if not href or hasattr(answer, "pulp_href"):
            return answer
        self.platform.client.wait(href)
        return self.api("TasksApi").read(href)

    def group_settled(self, href: str) -> Any:
        """A group of tasks, after all of it has ended."""
        def over() -> Any:
            group = self.api("TaskGroupsApi").read(href)
            return group.all_tasks_dispatched and not (group.waiting or group.running or group.canceling) and group

        return eventually(over, 60, f"the end of {href}")

    def made(self, api: Any, answer: Any) -> Any:
        """What a create call has made, read back."""
        done = self.settled(answer)
        return api.read(done.created_resources[0]) if hasattr(done, "created_resources") else done


def kept_promises(request: Any, platform: RunningPlatform) -> Iterator[Clients]:
    """What the fixture ``clients`` does: hand out the clients, and hold the test to what it said it calls."""
    clients = Clients(platform)
    yield clients
    calls.check(request, clients.succeeded)
