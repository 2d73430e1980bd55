"""What there is to break: one object of each type, and the hrefs and keys of all that is there at the time."""

from __future__ import annotations

import threading
import time
from typing import Any

from pulp_actor.cli.client import ApiError, Client
from tests.support.origin import Origin, make_files

#: Lists whose objects' hrefs are offered to the fuzzer.
LISTS = (
    "repositories/file/file/", "remotes/file/file/", "remotes/file/git/", "content/file/files/", "publications/file/file/",
    "distributions/file/file/", "artifacts/", "uploads/", "tasks/", "task-groups/", "users/", "groups/", "workers/",
    "contentguards/core/header/", "contentguards/core/composite/", "contentguards/core/rbac/", "repository_versions/",
    "contentguards/certguard/x509/", "repositories/core/openpgp_keyring/", "distributions/core/openpgp/",
)
#: Seconds for which a list is remembered.
MEMORY = 2.0


def create(client: Client, origin: Origin) -> None:
    """Make one object of each type that can be made, a synced repository among them."""
    url = origin.publish("world", make_files(5, "world"))
    remote = client.create("remotes/file/file/", {"name": "fuzz", "url": url})
    repository = client.create("repositories/file/file/", {"name": "fuzz", "remote": remote["pulp_href"]})
    client.run(f"{repository['pulp_href']}sync/", {})
    publication = client.create("publications/file/file/", {"repository": repository["pulp_href"]})
    client.create(
        "distributions/file/file/", {"name": "fuzz", "base_path": "fuzz", "publication": publication["pulp_href"]})
    client.create("remotes/file/git/", {"name": "fuzz git", "url": "http://localhost/x.git"})
    client.create("uploads/", {"size": 100})
    client.create("users/", {"username": "fuzz", "password": "a long pass phrase"})
    client.create("groups/", {"name": "fuzz"})
    guard = client.create("contentguards/core/header/", {"name": "fuzz", "header_name": "a", "header_value": "b"})
    client.create("contentguards/core/composite/", {"name": "fuzz composite", "guards": [guard["pulp_href"]]})
    client.create("contentguards/core/rbac/", {"name": "fuzz rbac"})
    client.create("repositories/core/openpgp_keyring/", {"name": "fuzz keyring"})
    client.create("distributions/core/openpgp/", {"name": "fuzz keys", "base_path": "fuzz-keys"})


class World:
    """The objects that are there, by list; looked up anew every few seconds, for fuzzing makes and deletes them."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._known: dict[str, tuple[float, list[str]]] = {}
        self._lock = threading.Lock()

    def hrefs(self, path: str) -> list[str]:
        """The hrefs of some objects of one list."""
        with self._lock:
            until, found = self._known.get(path, (0.0, []))
            if time.monotonic() > until:
                found = self._ask(path)
                self._known[path] = time.monotonic() + MEMORY, found
            return found

    def any_href(self, number: int) -> str:
        """One of all hrefs there are."""
        found = self.hrefs(LISTS[number % len(LISTS)])
        return found[number // len(LISTS) % len(found)] if found else "/pulp/api/v3/nothing/"

    def keys(self, template: str, names: list[str], number: int) -> dict[str, Any] | None:
        """Values for the variable parts of a path's template that lead to an object, if there is one."""
        head, _, tail = template.split("/api/v3/", 1)[-1].partition("{")
        found = self.hrefs(head)
        if not found:
            return None
        key, *rest = found[number % len(found)].split("/api/v3/", 1)[-1].removeprefix(head).strip("/").split("/")
        values = [key, *(["0"] if tail.count("{") > 1 and not rest[1:] else rest[1:])]
        return dict(zip(names, values, strict=False)) if len(values) >= len(names) else None

    def _ask(self, path: str) -> list[str]:
        try:
            return [one["pulp_href"] for one in self._client.get(path, limit=20)["results"]]
        except (ApiError, KeyError):
            return []
