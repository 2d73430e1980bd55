"""A small blocking client of the REST API, for the commands that work on a running platform.

Speaks HTTP only: it must never look into the database, so that the platform may be on another machine.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import requests

from pulp_actor.errors import PulpActorError
from pulp_actor.identifiers import api_prefix

#: A JSON object as it came from the API.
Object = dict[str, Any]

ENDED = ("completed", "failed", "canceled", "skipped")

#: Seconds for an answer of the API to begin.
TIMEOUT = 60.0
#: Seconds between two looks at a task: the first, and the longest. The API has no push.
FIRST_POLL, LONGEST_POLL = 0.02, 0.5


class ApiError(PulpActorError):
    """The API refused a request, or cannot be reached; the text says why in a line.

    Attributes:
        status: the HTTP status code, or 0.
    """

    def __init__(self, text: str, status: int = 0) -> None:
        super().__init__(text)
        self.status = status


class TaskFailed(PulpActorError):
    """A task did not complete; the text is what the task says about it."""


class Client:
    """Parameters:
        base_url: ``http://host:port``; a path that ends in ``api/v3/`` may follow.
        username, password: for Basic auth; empty: none.
        verify: check TLS certificates.
    """

    def __init__(self, base_url: str, username: str = "", password: str = "", *, verify: bool = True) -> None:
        parts = urlsplit(base_url if "://" in base_url else f"http://{base_url}")
        self.origin = f"{parts.scheme}://{parts.netloc}"
        self.prefix = parts.path.rstrip("/") + "/" if parts.path.rstrip("/").endswith("/api/v3") else api_prefix()
        self._session = requests.Session()
        self._session.verify = verify
        self._session.auth = (username, password) if username else None
        # Neither a proxy nor a .netrc is asked for: what is spoken to was named by the user.
        self._session.trust_env = False

    def close(self) -> None:
        self._session.close()

    def request(self, method: str, path: str, **options: Any) -> Any:
        """Send a request to an href or to a path below the API's root; returns the JSON of the answer, or None.

        Raises:
            ApiError: no answer, or one that refuses.
        """
        url = self.origin + (path if path.startswith("/") else self.prefix + path)
        try:
            answer = self._session.request(method, url, timeout=TIMEOUT, **options)
        except requests.RequestException as error:
            raise ApiError(f"cannot reach {self.origin}: {_root_cause(error)}") from None
        if answer.status_code >= 400:
            raise ApiError(f"{_refusal(answer)}", answer.status_code)
        return answer.json() if answer.content else None

    def get(self, path: str, **params: Any) -> Object:
        """The object at a path, e.g. ``status/``."""
        return self.request("GET", path, params=params)

    def find(self, path: str, **params: Any) -> Object | None:
        """The first object of a list that fits the filters."""
        results = self.get(path, limit=1, **params)["results"]
        return results[0] if results else None

    def every(self, path: str, **params: Any) -> Iterator[Object]:
        """All objects of a list that fit the filters, page by page."""
        offset = 0
        while True:
            page = self.get(path, offset=offset, **params)
            yield from page["results"]
            offset += len(page["results"])
            if not page["results"] or page["next"] is None:
                return

    def create(self, path: str, body: Object) -> Object:
        """Make an object, waiting for its task if there is one."""
        answer = self.request("POST", path, json=body)
        if "task" not in answer:
            return answer
        created = self.wait(answer["task"])["created_resources"]
        return self.get(created[0])

    def update(self, href: str, body: Object) -> Object:
        """Change an object, waiting for its task if there is one."""
        answer = self.request("PATCH", href, json=body)
        if answer and "task" in answer:
            self.wait(answer["task"])
        return self.get(href)

    def ensure(self, path: str, name: str, body: Object) -> Object:
        """Make the object of this name, or change the one that is there where it differs from ``body``."""
        found = self.find(path, name=name)
        if found is None:
            return self.create(path, {"name": name} | body)
        if all(found.get(field) == value for field, value in body.items()):
            return found
        return self.update(found["pulp_href"], body)

    def run(self, path: str, body: Object, watch: Callable[[Object], None] = lambda _: None) -> Object:
        """Start an action that is a task, and return the task once it has completed."""
        return self.wait(self.request("POST", path, json=body)["task"], watch)

    def wait(self, task_href: str, watch: Callable[[Object], None] = lambda _: None) -> Object:
        """Wait until a task has completed, and return it.

        Parameters:
            watch: called with the task each time it was looked at.

        Raises:
            TaskFailed: it failed or was cancelled.
        """
        pause = FIRST_POLL
        while True:
            task = self.get(task_href)
            watch(task)
            if task["state"] in ENDED:
                break
            time.sleep(pause)
            pause = min(pause * 1.5, LONGEST_POLL)
        if task["state"] != "completed":
            reason = (task.get("error") or {}).get("description") or "no reason was given"
            raise TaskFailed(f"the task {task['name']} {task['state']}: {reason}")
        return task


def _refusal(answer: requests.Response) -> str:
    """What an answer of 400 or more says, in a line."""
    if answer.status_code == 401:
        return "the API does not accept these credentials: give --user and --password"
    try:
        body = answer.json()
    except ValueError:
        return f"{answer.request.method} {answer.url}: {answer.status_code} {answer.reason}"
    return f"{answer.request.method} {urlsplit(answer.url or '').path}: {answer.status_code}: {_flat(body)}"


def _flat(value: Any) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{key}: {_flat(part)}" for key, part in value.items())
    if isinstance(value, list):
        return ", ".join(_flat(part) for part in value)
    return str(value)


def _root_cause(error: BaseException) -> str:
    """The innermost reason of a chain of wrapped errors, e.g. ``Connection refused``."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return getattr(error, "strerror", None) or str(error)
