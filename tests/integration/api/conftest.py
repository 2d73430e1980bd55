"""The real app over a real database, spoken to through Falcon's test client: no sockets, no worker."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from falcon.testing import Result, TestClient

from api.app import make_app
from pulp_actor.db import connected
from pulp_actor.db import database as pool
from pulp_actor.identifiers import api_prefix
from pulp_actor.models import Role, RoleAssignment, User
from pulp_actor.security.encryption import keyring
from pulp_actor.security.passwords import hash_password
from pulp_actor.settings import settings
from tests.support.api_world import ApiWorld
from tests.support.postgres import Server, bound

PASSWORD = "a password"
PASSWORD_HASH = hash_password(PASSWORD)


@pytest.fixture(scope="session")
def app() -> Any:
    return make_app()


def credentials(username: str, password: str = PASSWORD) -> str:
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


class Client:
    """Speaks to the API as a user. Paths are below the API root, or hrefs."""

    def __init__(self, app: Any, username: str = "admin") -> None:
        self._client = TestClient(app, headers={"Authorization": credentials(username)} if username else {})

    def request(self, method: str, path: str, query: str = "", **options: Any) -> Result:
        path = path if path.startswith("/") else api_prefix() + path
        return self._client.simulate_request(method, path, query_string=query, **options)

    def get(self, path: str, query: str = "", **options: Any) -> Result:
        return self.request("GET", path, query, **options)

    def post(self, path: str, body: Any = None, **options: Any) -> Result:
        return self.request("POST", path, json=body, **options) if body is not None else self.request(
            "POST", path, **options)

    def patch(self, path: str, body: Any) -> Result:
        return self.request("PATCH", path, json=body)

    def put(self, path: str, body: Any) -> Result:
        return self.request("PUT", path, json=body)

    def delete(self, path: str) -> Result:
        return self.request("DELETE", path)

    def upload(self, path: str, fields: dict[str, Any], file: bytes | None = None, *, method: str = "POST",
               headers: dict[str, str] | None = None) -> Result:
        """A multipart form with text fields and, perhaps, a part called ``file``."""
        boundary = "b0undary"
        parts = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
            for name, value in fields.items()
        ]
        if file is not None:
            head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n'
            parts.append(head.encode() + file + b"\r\n")
        body = b"".join(parts) + f"--{boundary}--\r\n".encode()
        kind = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        return self.request(method, path, body=body, headers=kind | (headers or {}))

    def made(self, path: str, body: Any) -> dict[str, Any]:
        """The object that a POST makes, at once or in a task that has ended when the answer comes."""
        answer = self.post(path, body)
        if answer.status_code == 202:
            task = self.get(answer.json["task"]).json
            assert task["state"] == "completed", task
            return self.get(task["created_resources"][0]).json
        assert answer.status_code == 201, answer.text
        return answer.json


@pytest.fixture
def admin(database: Any) -> None:
    """The user as whom tests speak."""
    with connected():
        User.create(username="admin", password=PASSWORD_HASH, is_superuser=True, is_staff=True)


@pytest.fixture
def api(app: Any, admin: None) -> Client:
    return Client(app)


@pytest.fixture
def anonymous(app: Any, admin: None) -> Client:
    return Client(app, "")


def give(username: str, role: str | None, **place: Any) -> None:
    """Make a user, perhaps, and give them a built-in role: everywhere, or in a ``place``."""
    with connected():
        user, _ = User.get_or_create(username=username, defaults={"password": PASSWORD_HASH})
        if role:
            RoleAssignment.create(role=Role.get(Role.name == role), user=user.id, **place)


def on(repository: dict[str, Any]) -> dict[str, str]:
    """The place that a repository is."""
    return {"object_type": "file.filerepository", "object_key": repository["pulp_href"].split("/")[-2]}


def key_of(api: Client, username: str) -> int:
    """The key of the user of that name."""
    return api.get("users/", f"username={username}").json["results"][0]["id"]


@pytest.fixture
def member(app: Any, api: Client) -> Callable[..., Client]:
    """Makes clients of users with a role."""
    def make(username: str, role: str | None = None, **place: Any) -> Client:
        give(username, role, **place)
        return Client(app, username)

    return make


@pytest.fixture(scope="module")
def world(app: Any, postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiWorld]:
    """A database of the module's own with some objects of every type. It is bound for the whole module: no test of it may
    ask for ``database``."""
    directory = tmp_path_factory.mktemp("world")
    with settings.override(DATA_DIR=str(directory)), postgres.migrated() as url, bound(url):
        keyring.forget()
        keyring.create()
        with connected():
            User.create(username="admin", password=PASSWORD_HASH, is_superuser=True, is_staff=True)
        found = ApiWorld(Client(app))
        found.fill()
        yield found
    keyring.forget()


@contextmanager
def counted_queries() -> Iterator[list[str]]:
    """The SQL that runs in the block."""
    seen: list[str] = []
    run = pool.execute_sql

    def execute_sql(sql: str, params: Any = None) -> Any:
        seen.append(sql)
        return run(sql, params)

    pool.execute_sql = execute_sql  # type: ignore[method-assign]
    try:
        yield seen
    finally:
        del pool.execute_sql  # type: ignore[attr-defined]
