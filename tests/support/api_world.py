"""Some objects of every type that the API can make, made through the API: with their bodies generated from the endpoints'
own schemas, so that a type which is added tomorrow is in it, too."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from api.call import instance_of
from api.endpoints import JSON, Endpoint, Operation
from api.routes import all_endpoints
from api.schemas import fields as kinds
from api.schemas.base import WireSchema
from api.schemas.references import Reference
from pulp_actor.db import transaction
from pulp_actor.identifiers import registry, uuid7
from pulp_actor.models import (
    DEFAULT_DOMAIN_ID,
    Content,
    Distribution,
    Publication,
    Repository,
    RepositoryContent,
    RepositoryVersion,
)
from pulp_actor.models.base import utcnow
from pulp_actor.queue.models import TaskGroup, TaskSchedule, Worker
from tests.support.certificates import certificate

#: How many objects there are of each type.
NUMBER = 3

LABELS = [{}, {"team": "a", "level": "1"}, {"team": "b"}]

#: Collection -> what a body has beside what its schema asks for; the number tells one object from the next.
BODIES: dict[str, Callable[[int], dict[str, Any]]] = {
    "repositories/file/file": lambda n: {
        "retain_repo_versions": [None, 2, 3][n], "autopublish": n == 1, "description": [None, "Some", "more"][n]},
    "remotes/file/file": lambda n: {"policy": ["immediate", "on_demand", "streamed"][n], "max_retries": [None, 1, 9][n]},
    "distributions/file/file": lambda n: {"hidden": n == 1},
    "quotas": lambda n: {"max_bytes": 10**15, "repository": None},
    "roles": lambda n: {"permissions": ["file.view_filerepository"]},
    "webhooks": lambda n: {"events": ["publication.created"]},
    "users": lambda n: {"password": "a long pass phrase", "is_staff": n == 1, "email": ["", "a@x.org", "B@x.org"][n]},
}

#: Collection -> why the objects in it are not made with a body from its schema.
BY_OTHER_MEANS = {
    "content/core/openpgp_publickey": "it takes a key",
    "content/file/files": "it takes a file",
    "artifacts": "it takes a file",
    "publications/file/file": "a worker makes them",
}

#: Collection -> why there are fewer than two objects in it.
EMPTY = {
    **dict.fromkeys((f"content/core/openpgp_{kind}" for kind in (
        "publickey", "publicsubkey", "signature", "userattribute", "userid")), "a worker takes keys apart"),
    **dict.fromkeys(("exporters/core/filesystem", "exporters/core/pulp"), "no folder is allowed"),
    **dict.fromkeys((
        "importers/core/pulp/{importer_pk}/imports", "exporters/core/filesystem/{exporter_pk}/exports",
        "exporters/core/pulp/{exporter_pk}/exports"), "a worker makes them"),
    "signing-services": "a command makes them",
    "webhooks/{webhook_pk}/deliveries": "nothing has happened",
    **dict.fromkeys(("users/{user_pk}/roles", "groups/{group_pk}/roles"), "nobody has a role"),
    "vuln_report": "a worker asks another service for them",
    "domains": "they are switched off, and there is the default one",
}


def _do_as_workers_do() -> None:
    """What no request makes: versions with units in them, publications, the records of tasks and of those who run them."""
    repository = Repository.select().where(Repository.type == "file.file").order_by(Repository.id).get()
    units = [unit.id for unit in Content.select().order_by(Content.id)]
    base = RepositoryVersion.get(repository=repository, number=0)
    for number, unit in enumerate(units, 1):
        summary = {"present": {"file.file": number}, "added": {"file.file": 1}, "removed": {}}
        version = RepositoryVersion.create(
            repository=repository, number=number, complete=True, base_version=base, content_summary=summary)
        RepositoryContent.insert(repository=repository, content=unit, version_added=number).execute()
        published = Publication.create(
            type="file.file", repository_version=version, complete=True, checkpoint=number == 2, details={})
        Distribution.update(publication=published).where(Distribution.name.contains(f"{'aBc'[number - 1]}_")).execute()
        Distribution.create(type="core.artifact", name=f"artifacts-{number}", base_path=f"artifacts-{number}")
        now, domain = utcnow(), DEFAULT_DOMAIN_ID
        TaskGroup.create(domain_id=domain, description=f"group {number}", pulp_created=now, pulp_last_updated=now)
        TaskSchedule.create(
            name=f"Schedule {number}", actor="pulpcore.app.tasks.orphan.orphan_cleanup", kwargs={}, exclusive=[], shared=[],
            interval_seconds=60 * number, next_dispatch=now, pulp_created=now, pulp_last_updated=now)
        Worker.create(
            id=uuid7(), kind="worker", name=f"{number}@Host", host="Host", pid=number, versions={}, last_heartbeat=now,
            gone_at=[None, now, None][number - 1], pulp_created=now, pulp_last_updated=now)


class ApiWorld:
    """Parameters:
        api: a client, as in tests/integration/api/conftest.py.

    Attributes:
        empty: the collections without objects.
        refused: collection -> what was answered to a body that ought to have been right.
    """

    def __init__(self, api: Any) -> None:
        self.api = api
        self.endpoints = {one.path: one for one in all_endpoints()}
        self.refused: dict[str, str] = {}
        self.empty = EMPTY
        self._numbers = itertools.count(1)

    def fill(self) -> None:
        """Make the objects: those that others refer to first."""
        waiting = [one for one in self.endpoints.values() if self._can_be_made(one)]
        for _ in range(3):
            waiting = [one for one in waiting if not self._make(one)]
        for endpoint in waiting:
            self.refused.setdefault(endpoint.path, "it refers to something that there is none of")
        for number in range(NUMBER):
            data = f"unit {number}".encode()
            answer = self.api.upload("content/file/files/upload/", {"relative_path": f"Folder/file_{number}.bin"}, data)
            assert answer.status_code == 201, answer.text
            name = self.api.get(f"users/{number + 1}/").json["username"]
            for group in range(1, NUMBER + 1):
                assert self.api.post(f"groups/{group}/users/", {"username": name}).status_code == 201
        with transaction():
            _do_as_workers_do()

    def rows(self, endpoint: Endpoint, query: str = "") -> list[dict[str, Any]]:
        """The objects of a list, as they are on the wire; with outer keys, those of the oldest object."""
        return self.api.get(f"{self.path(endpoint)}/", query or "limit=1000").json["results"]

    def path(self, endpoint: Endpoint) -> str:
        """The path of a list, its outer keys those of the oldest object that is there."""
        path = endpoint.path
        while "{" in path:
            head, _, tail = path.partition("{")
            owner = self.rows(self.endpoints[head.strip("/")])[-1]
            path = f"{head}{owner['pulp_href'].strip('/').rpartition('/')[2]}{tail.partition('}')[2]}"
        return path

    def _can_be_made(self, endpoint: Endpoint) -> bool:
        made = self._creating(endpoint)
        return made is not None and "{" not in endpoint.path and endpoint.path not in BY_OTHER_MEANS

    @staticmethod
    def _creating(endpoint: Endpoint) -> Operation | None:
        return next((one for one in endpoint.operations if one.action == "create" and JSON in one.media), None)

    def _make(self, endpoint: Endpoint) -> bool:
        """Make some objects; False if what they refer to is not there yet."""
        for number in range(NUMBER):
            body = self._body(endpoint, number)
            if body is None:
                return False
            answer = self.api.post(f"{endpoint.path}/", body)
            if answer.status_code not in (201, 202):
                self.refused[endpoint.path] = f"{answer.status_code} {answer.text[:300]}"
        return True

    def _body(self, endpoint: Endpoint, number: int) -> dict[str, Any] | None:
        operation = self._creating(endpoint)
        assert operation is not None
        schema = instance_of(endpoint.schema if operation.request is WireSchema else operation.request)  # type: ignore[arg-type]
        body: dict[str, Any] = {}
        for name, field in schema.wire_fields.items():
            if name == "pulp_labels" and not field.dump_only:
                body[name] = LABELS[number]
            elif field.required and not field.dump_only:
                body[name] = self._value(name, field, number)
                if body[name] is None:
                    return None
        return body | BODIES.get(endpoint.path, lambda n: {})(number)

    def _value(self, name: str, field: kinds.WireField, number: int) -> Any:
        if isinstance(field, Reference):
            return self._some(field.model, number)
        if isinstance(field, kinds.Choice):
            return field.choices[number % len(field.choices)]
        if "certificate" in name:
            return certificate()
        if name.endswith("url") or "repo" in name:
            return f"http://127.0.0.1:9/{number}/"
        if isinstance(field, kinds.Text):
            return f"{name}-{'aBc'[number]}_{next(self._numbers):04}"
        blanks = {"integer": number + 1, "boolean": True, "array": []}
        return blanks.get(field.openapi_type.get("type", ""), {})

    def _some(self, model: Any, number: int) -> str | None:
        for resource in registry.of_model(model):
            endpoint = self.endpoints.get(resource.path)
            if endpoint is not None and (found := self.rows(endpoint)):
                return found[number % len(found)]["pulp_href"]
        return None
