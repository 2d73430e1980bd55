"""What is sent to a webhook, and how it is signed: HMAC (RFC 2104) with SHA-256 over the time and the body, so that a
receiver can tell our requests from others' and old ones from new. Must never know how they are sent."""

from __future__ import annotations

import datetime
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from typing import Any

from pulp_actor.identifiers import href_of, prn_of, registry, version_href
from pulp_actor.models import Publication
from pulp_actor.models.resources import REPOSITORY_VERSION, TASK, TASK_GROUP

#: Names of the headers that go along.
SIGNATURE, EVENT, DELIVERY = "X-Pulp-Signature", "X-Pulp-Event", "X-Pulp-Delivery"

Facts = Mapping[str, Any]


def body_of(delivery: str, event: str, created: datetime.datetime, facts: Facts) -> bytes:
    """The JSON that is sent; the same each time it is sent, so that a receiver may drop what it has had."""
    return json.dumps({
        "id": delivery, "event": event, "created": created.astimezone(datetime.UTC).isoformat(), "data": _DATA[event](facts),
    }).encode()


def signature(secret: str, body: bytes, timestamp: int) -> str:
    """The value of `SIGNATURE`: ``t=<Unix seconds>,v1=<hex of the HMAC of "<t>.<body>">``."""
    digest = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={digest}"


def headers_of(delivery: str, event: str, body: bytes, secret: str | None, timestamp: int) -> dict[str, str]:
    """The headers of a request."""
    found = {"Content-Type": "application/json", EVENT: event, DELIVERY: delivery}
    return found | ({SIGNATURE: signature(secret, body, timestamp)} if secret else {})


def _task(facts: Facts) -> dict[str, Any]:
    group, parent = facts["task_group"], facts["parent"]
    return {
        "pulp_href": href_of(TASK, facts["task"]), "prn": prn_of(TASK, facts["task"]),
        **{name: facts[name] for name in ("name", "state", "error", "started_at", "finished_at")},
        "task_group": group and href_of(TASK_GROUP, group), "parent_task": parent and href_of(TASK, parent),
    }


def _version(facts: Facts) -> dict[str, Any]:
    href = version_href(facts["repository_type"], facts["repository"], facts["number"])
    return {
        "pulp_href": href, "prn": prn_of(REPOSITORY_VERSION, facts["version"]), "number": facts["number"],
        "content_summary": facts["content_summary"], **_repository(facts, href),
    }


def _publication(facts: Facts) -> dict[str, Any]:
    resource = registry.get(Publication, facts["type"])
    version = version_href(facts["repository_type"], facts["repository"], facts["number"])
    return {
        "pulp_href": href_of(resource, facts["publication"]), "prn": prn_of(resource, facts["publication"]),
        "repository_version": version, **_repository(facts, version),
    }


def _repository(facts: Facts, version: str) -> dict[str, Any]:
    return {"repository": version.partition("versions/")[0], "repository_name": facts["repository_name"]}


_DATA: dict[str, Callable[[Facts], dict[str, Any]]] = {
    "task.finished": _task, "repository_version.created": _version, "publication.created": _publication,
}
