"""The generated clients (``pulpcore-client``, ``pulp-file-client``, ``pulp-certguard-client``) as their users have them.

A test says with ``@calls("ArtifactsApi.read", ...)`` which of their operations it calls, and the fixture ``clients`` holds
it to its word (`tests.support.promises`).
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from functools import cache, wraps
from inspect import getmembers, isfunction, signature
from typing import Any

from tests.support.platform import RunningPlatform
from tests.support.promises import Promises
from tests.support.workers.waiting import eventually

PACKAGES = ("pulpcore.client.pulpcore", "pulpcore.client.pulp_file", "pulpcore.client.pulp_certguard")

#: Marks a test with the operations it calls: ``"ArtifactsApi.read"``.
calls = Promises("calls")


@cache
def api_classes() -> dict[str, type]:
    """Every class of the three packages that has operations, by its name; no two packages have one of the same name."""
    packages = [importlib.import_module(name) for name in PACKAGES]
    found = [(name, vars(package)[name]) for package in packages for name in dir(package) if name.endswith("Api")]
    assert len(found) == len(dict(found))
    return dict(found)


def package_of(name: str) -> Any:
    """The package that a class belongs to; each has models and exceptions of its own."""
    return importlib.import_module(api_classes()[name].__module__.partition(".api.")[0])


def operations(name: str) -> set[str]:
    """What one class offers: ``{"create", "list", ...}``; each stands there in three forms, of which one counts."""
    return {
        method for method, _ in getmembers(api_classes()[name], isfunction)
        if not method.startswith("_") and not method.endswith(("_with_http_info", "_without_preload_content"))
    }


def every_operation() -> set[str]:
    """``"ArtifactsApi.read"``, for every operation of every class."""
    return {f"{name}.{method}" for name in api_classes() for method in operations(name)}


def lists() -> list[str]:
    """The classes that list objects which are not below another one."""
    def parents(name: str) -> list[str]:
        return [one for one in signature(vars(api_classes()[name])["list"]).parameters if one.endswith("_href")]

    return sorted(name for name in api_classes() if "list" in operations(name) and not parents(name))


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
        return Api(name, api_classes()[name](self._connection(package_of(name))), self.succeeded)

    def __getattr__(self, name: str) -> Any:
        if name not in api_classes():
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
