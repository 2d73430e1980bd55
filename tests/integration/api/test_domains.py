"""Several domains in one installation: what is in one can be neither seen nor used from another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from api.routes import all_endpoints
from pulp_actor.db import connected
from pulp_actor.domains import DomainKey, belongs_to_domain, in_domain
from pulp_actor.models import Domain
from pulp_actor.settings import settings


@pytest.fixture
def domains(api: Any) -> Iterator[list[DomainKey]]:
    """Two domains, in a server that has domains switched on."""
    with settings.override(DOMAIN_ENABLED=True):
        with connected():
            found = [DomainKey(Domain.create(name=name).id, name) for name in ("left", "right")]
        yield found


def below(domain: str, path: str) -> str:
    return f"/pulp/{domain}/api/v3/{path}"


def test_an_object_is_found_in_its_own_domain_only(api: Any, domains: Any) -> None:
    made = api.made(below("left", "repositories/file/file/"), {"name": "mine"})
    assert made["pulp_href"].startswith("/pulp/left/api/v3/repositories/file/file/")
    assert api.get(made["pulp_href"]).json["name"] == "mine"
    assert api.get(made["pulp_href"].replace("left", "right")).status_code == 404
    assert api.get(made["versions_href"].replace("left", "right")).status_code == 404
    assert [one["name"] for one in api.get(below("left", "repositories/")).json["results"]] == ["mine"]
    for other in ("right", "default"):
        assert api.get(below(other, "repositories/file/file/")).json["count"] == 0
        assert api.get(below(other, "repository_versions/")).json["count"] == 0
        assert api.get(below(other, "tasks/")).json["count"] == 0


def test_the_same_name_can_be_given_once_in_each_domain(api: Any, domains: Any) -> None:
    for domain in ("left", "right", "default"):
        api.made(below(domain, "remotes/file/file/"), {"name": "the same", "url": "http://example.org/"})
        api.made(below(domain, "distributions/file/file/"), {"name": "the same", "base_path": "the/same"})
        again = api.post(below(domain, "remotes/file/file/"), {"name": "the same", "url": "http://example.org/"})
        assert again.status_code == 400 and "name" in again.json
        over = api.post(below(domain, "distributions/file/file/"), {"name": "another", "base_path": "the/same/too"})
        assert over.status_code == 400 and "base_path" in over.json


def test_paths_without_a_domain_or_with_an_unknown_one_lead_nowhere(api: Any, domains: Any) -> None:
    assert api.get("/pulp/nowhere/api/v3/repositories/").status_code == 404
    assert api.get("/pulp/api/v3/repositories/").status_code == 404
    for path in ("status/", "livez/", "docs/api.json", ""):
        assert api.get(f"/pulp/api/v3/{path}").status_code == 200
        assert api.get(below("left", path)).status_code == 200


def test_without_domains_a_path_with_one_leads_nowhere(api: Any) -> None:
    assert api.get("/pulp/default/api/v3/repositories/").status_code == 404
    assert api.get("/pulp/api/v3/repositories/").status_code == 200


def test_pages_link_to_pages_of_the_same_domain(api: Any, domains: Any) -> None:
    for name in ("a", "b", "c"):
        api.made(below("left", "repositories/file/file/"), {"name": name})
    page = api.get(below("left", "repositories/file/file/"), "limit=2").json
    assert "/pulp/left/api/v3/repositories/file/file/?limit=2&offset=2" in page["next"]


#: What belongs to the whole installation; everything else that an endpoint lists must belong to a domain.
SHARED = {"app_user", "user_group", "domain", "worker", "task_schedule", "role", "role_assignment", "access_policy"}


def test_no_endpoint_escapes(app: Any) -> None:
    """What an endpoint lists either belongs to a domain, and is filtered by that, or is shared on purpose."""
    tables = {one.rows().model for one in all_endpoints() if one.rows is not None}
    assert {model._meta.table_name for model in tables if not belongs_to_domain(model)} <= SHARED
    assert {model._meta.table_name for model in tables} - SHARED


def test_every_list_and_every_object_is_asked_for_by_domain(api: Any, domains: Any) -> None:
    for endpoint in all_endpoints():
        if endpoint.rows is None or not belongs_to_domain(endpoint.rows().model):
            continue
        with in_domain(domains[0]):
            sql, parameters = endpoint.visible().sql()
        assert domains[0].id.hex in [str(one).replace("-", "") for one in parameters], (endpoint.path, sql)
