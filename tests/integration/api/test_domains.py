"""Several domains in one installation: what is in one can be neither seen nor used from another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from marshmallow import ValidationError as MarshmallowError

from api.call import instance_of
from api.core.domains import OwnGuard
from api.routes import all_endpoints
from api.schemas.base import WireSchema
from api.schemas.nested import Object
from api.schemas.references import Reference, References
from pulp_actor.db import connected
from pulp_actor.domains import DomainKey, belongs_to_domain, in_domain
from pulp_actor.identifiers import href_of, registry, uuid7
from pulp_actor.models import Content, DetailContent, Domain
from pulp_actor.settings import settings
from tests.support.tasks import Queue


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


def test_what_is_inside_an_object_is_found_in_its_domain_only(api: Any, domains: Any, tmp_path: Any) -> None:
    bodies = {
        "repositories/file/file/": ({"name": "r"}, "versions/"),
        "exporters/core/filesystem/": ({"name": "e", "path": str(tmp_path)}, "exports/"),
        "importers/core/pulp/": ({"name": "i"}, "imports/"),
        "webhooks/": ({"name": "w", "url": "http://127.0.0.1:1/", "events": ["task.finished"]}, "deliveries/"),
    }
    with settings.override(ALLOWED_EXPORT_PATHS=[str(tmp_path)]):
        for path, (body, inside) in bodies.items():
            href = f"{api.made(below('left', path), body)['pulp_href']}{inside}"
            assert api.get(href).status_code == 200
            assert api.get(href.replace("left", "right")).status_code == 404, path


def test_the_same_name_can_be_given_once_in_each_domain(api: Any, domains: Any) -> None:
    for domain in ("left", "right", "default"):
        api.made(below(domain, "remotes/file/file/"), {"name": "the same", "url": "http://example.org/"})
        api.made(below(domain, "distributions/file/file/"), {"name": "the same", "base_path": "the/same"})
        again = api.post(below(domain, "remotes/file/file/"), {"name": "the same", "url": "http://example.org/"})
        assert again.status_code == 400 and "name" in again.json
        over = api.post(below(domain, "distributions/file/file/"), {"name": "another", "base_path": "the/same/too"})
        assert over.status_code == 400 and "base_path" in over.json


def test_a_path_without_a_domain_leads_into_the_default_one_and_one_with_an_unknown_domain_nowhere(
        api: Any, domains: Any) -> None:
    assert api.get("/pulp/nowhere/api/v3/repositories/").status_code == 404
    made = api.made("/pulp/api/v3/repositories/file/file/", {"name": "from a client that knows no domains"})
    assert made["pulp_href"].startswith("/pulp/default/api/v3/repositories/")
    assert api.get(below("default", "repositories/")).json["results"][0]["name"] == made["name"]
    old = made["pulp_href"].replace("/pulp/default/", "/pulp/")
    assert api.get(old).json == made
    assert api.get(below("default", "repositories/"), f"pulp_href__in={old}").json["count"] == 1
    assert api.get(below("left", "repositories/"), f"pulp_href__in={old}").status_code == 400
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
SHARED = {
    "access_policy", "access_token", "app_user", "domain", "role",
    "role_assignment", "signing_service", "task_schedule", "user_group", "worker",
}


def test_no_endpoint_escapes(app: Any) -> None:
    """What an endpoint lists either belongs to a domain, and is filtered by that, or is shared on purpose."""
    tables = {one.rows().model for one in all_endpoints() if one.rows is not None}
    assert {model._meta.table_name for model in tables if not belongs_to_domain(model)} <= SHARED
    assert {model._meta.table_name for model in tables} - SHARED


def test_every_list_and_every_object_is_asked_for_by_domain(api: Any, domains: Any) -> None:
    for endpoint in all_endpoints():
        if endpoint.rows is None or not belongs_to_domain(endpoint.rows().model):
            continue
        if endpoint.keys and all(key.column is not None for key in endpoint.keys):
            _, _, positions = endpoint.prepared_read._prepared()
            assert len(positions) == len(endpoint.keys) + 1, endpoint.path
        with in_domain(domains[0]):
            sql, parameters = endpoint.visible().sql()
        assert domains[0].id.hex in [str(one).replace("-", "") for one in parameters], (endpoint.path, sql)


# --- references into another domain -----------------------------------------------------------------------------------

REPOSITORIES, REMOTES = "repositories/file/file/", "remotes/file/file/"


@pytest.fixture
def foreign(api: Any, domains: Any) -> dict[str, dict[str, Any]]:
    """One object of each kind that others refer to, in the domain ``right``."""
    def made(path: str, body: Any) -> dict[str, Any]:
        return api.made(below("right", path), body)

    repository = made(REPOSITORIES, {"name": "r"})
    return {
        "repository": repository, "remote": made(REMOTES, {"name": "r", "url": "http://example.org/"}),
        "repository_version": {
            "pulp_href": repository["latest_version_href"],
            "prn": api.get(below("right", "repository_versions/")).json["results"][0]["prn"],
        },
        "guard": made("contentguards/core/rbac/", {"name": "g"}),
        "artifact": api.upload(below("right", "artifacts/"), {}, b"bytes").json,
        "upload": made("uploads/", {"size": 10}),
    }


#: Where references are taken in bodies: (path, further fields, the field, the kind of object, whether in a list).
BODIES = [
    (REPOSITORIES, {"name": "n"}, "remote", "remote", False),
    ("distributions/file/file/", {"name": "n", "base_path": "n"}, "repository", "repository", False),
    ("distributions/file/file/", {"name": "n", "base_path": "n"}, "repository_version", "repository_version", False),
    ("distributions/file/file/", {"name": "n", "base_path": "n"}, "content_guard", "guard", False),
    ("publications/file/file/", {}, "repository_version", "repository_version", False),
    ("publications/file/file/", {}, "repository", "repository", False),
    ("content/file/files/", {"relative_path": "p"}, "artifact", "artifact", False),
    ("content/file/files/", {"relative_path": "p"}, "upload", "upload", False),
    ("content/file/files/upload/", {"relative_path": "p"}, "artifact", "artifact", False),
    ("contentguards/core/composite/", {"name": "n"}, "guards", "guard", True),
    ("orphans/cleanup/", {}, "content_hrefs", "artifact", True),
    ("repositories/reclaim_space/", {}, "repo_hrefs", "repository", True),
]


@pytest.mark.parametrize("form", ["pulp_href", "prn"])
@pytest.mark.parametrize(("path", "body", "field", "kind", "listed"), BODIES)
def test_a_reference_into_another_domain_is_refused_by_field(
    api: Any, foreign: dict[str, Any], path: str, body: dict[str, Any], field: str, kind: str, listed: bool, form: str,
) -> None:
    value = foreign[kind][form]
    fields = body | {field: [value] if listed else value}
    if path.startswith("content/"):
        refused = api.upload(below("left", path), fields)
    else:
        refused = api.post(below("left", path), fields)
    assert refused.status_code == 400, refused.text
    assert field in refused.json, refused.text
    assert api.get(below("left", "tasks/")).json["count"] == 0


@pytest.mark.parametrize("form", ["pulp_href", "prn"])
def test_actions_and_changes_take_nothing_of_another_domain(api: Any, foreign: dict[str, Any], form: str) -> None:
    own = api.made(below("left", REPOSITORIES), {"name": "own"})
    href = own["pulp_href"]
    unit = foreign["artifact"][form].replace("artifacts", "content/file/files")
    for answer, field in (
        (api.patch(href, {"remote": foreign["remote"][form]}), "remote"),
        (api.post(f"{href}sync/", {"remote": foreign["remote"][form]}), "remote"),
        (api.post(f"{href}modify/", {"base_version": foreign["repository_version"][form]}), "base_version"),
        (api.post(f"{href}modify/", {"add_content_units": [unit]}), "add_content_units"),
        (api.post(f"{href}modify/", {"remove_content_units": [unit]}), "remove_content_units"),
    ):
        assert answer.status_code == 400, answer.text
        assert field in answer.json


def test_filters_find_nothing_of_another_domain(api: Any, foreign: dict[str, Any]) -> None:
    own = api.made(below("left", REPOSITORIES), {"name": "own"})
    assert api.get(below("left", REPOSITORIES)).json["results"] == [own]
    for path, parameter, kind in (
        (REPOSITORIES, "pulp_href__in", "repository"), (REPOSITORIES, "remote", "remote"),
        ("distributions/file/file/", "repository", "repository"),
        ("content/file/files/", "repository_version", "repository_version"),
        ("artifacts/", "repository_version", "repository_version"),
        ("tasks/", "reserved_resources", "repository"),
    ):
        by_href = api.get(below("left", path), f"{parameter}={foreign[kind]['pulp_href']}")
        assert by_href.status_code == 400 and parameter in by_href.json, (path, parameter, by_href.text)
        by_prn = api.get(below("left", path), f"{parameter}={foreign[kind]['prn']}")
        assert by_prn.status_code == 400 or by_prn.json["count"] == 0, (path, parameter)
    by_key = api.get(below("left", REPOSITORIES), f"pulp_id__in={foreign['repository']['prn'].split(':')[-1]}")
    assert by_key.json["count"] == 0


def test_what_belongs_to_the_whole_installation_can_be_named_from_everywhere(api: Any, domains: Any) -> None:
    users = api.get(below("left", "users/")).json["results"]
    assert users[0]["pulp_href"].startswith("/pulp/left/")
    assert api.get(users[0]["pulp_href"].replace("left", "right")).json["username"] == users[0]["username"]


def test_orphan_cleanup_and_purge_stay_in_their_domain(api: Any, foreign: dict[str, Any]) -> None:
    from actors.orphan import orphan_cleanup
    from actors.purge import purge

    api.made(below("right", "distributions/file/file/"), {"name": "made in a task", "base_path": "d"})
    with connected(), in_domain(DomainKey(_key_of("left"), "left")):
        orphan_cleanup(orphan_protection_time=0)
        purge(finished_before="2999-01-01")
    assert api.get(foreign["artifact"]["pulp_href"]).status_code == 200
    assert api.get(below("right", "tasks/")).json["count"] > 0


@pytest.mark.parametrize("path", ["repair/", "datarepair/7272/"])
def test_a_domain_is_repaired_without_waiting_for_another(api: Any, domains: Any, path: str) -> None:
    locks = []
    for domain in ("left", "right"):
        task = api.get(api.post(below(domain, path), {}).json["task"]).json
        locks.append({one for one in task["reserved_resources_record"] if not one.startswith("shared:")})
    assert all(locks) and locks[0].isdisjoint(locks[1])


def _key_of(name: str) -> Any:
    return Domain.get(Domain.name == name).id


def test_the_document_has_the_domain_as_a_parameter(api: Any, domains: Any) -> None:
    paths = api.get("/pulp/api/v3/docs/api.json").json["paths"]
    listing = paths["/pulp/{pulp_domain}/api/v3/repositories/file/file/"]["get"]
    (parameter,) = [one for one in listing["parameters"] if one["in"] == "path"]
    assert (parameter["name"], parameter["required"]) == ("pulp_domain", True)
    assert "/pulp/api/v3/status/" in paths
    assert "{file_file_repository_href}sync/" in paths


def test_the_console_shows_nothing_of_another_domain(api: Any, domains: Any) -> None:
    queue = Queue()
    left, _ = domains
    for domain in domains:
        queue.add(f"holds in {domain.name}", [f"r-{domain.name}"], domain_id=domain.id)
        queue.add(f"waits in {domain.name}", [f"r-{domain.name}"], domain_id=domain.id)
    queue.work(queue.hire(), f"holds in {left.name}")
    locks = api.get(below("right", "actor/locks/")).json
    assert [one["name"] for one in locks["resources"]] == ["r-right"]
    assert len(locks["tasks"]) == 2
    (worker,) = [one for one in api.get(below("right", "actor/queue/")).json["processes"] if one["kind"] == "worker"]
    assert (worker["task"], worker["actor"], worker["state"]) == (None, None, "running")
    why = f"actor/tasks/{queue.ids['waits in left']}/why/"
    assert api.get(below("right", why)).status_code == 404
    assert api.get(below("left", why)).json["verdict"] == "1 task goes before it."
    queue.close()


def references_of(schema: Any) -> Iterator[tuple[str, Any]]:
    """Every field of a schema, and of the schemas in it, that takes a reference."""
    for name, field in schema.wire_fields.items():
        field = getattr(field, "item", field)
        if isinstance(field, Object):
            yield from references_of(instance_of(field.schema))
        elif isinstance(field, Reference | References) and not field.dump_only:
            yield name, field


def test_no_field_that_takes_a_reference_takes_one_of_another_domain(app: Any) -> None:
    """Whatever endpoint it belongs to: the fields are found in the declarations."""
    left, right = DomainKey(uuid7(), "left"), DomainKey(uuid7(), "right")
    schemas = {
        schema for endpoint in all_endpoints() for schema in (endpoint.schema, *(one.request for one in endpoint.operations))
        if schema is not None and schema is not WireSchema
    }
    seen = set()
    with settings.override(DOMAIN_ENABLED=True):
        for schema in schemas:
            for name, field in references_of(instance_of(schema)):
                model = DetailContent if field.model is Content else field.model
                kinds = [kind for kind in registry if issubclass(kind.model, model)]
                kinds = [kind for kind in kinds if not field.types or kind.type in field.types]
                if isinstance(field, OwnGuard) or not kinds or not belongs_to_domain(field.model):
                    continue
                with in_domain(right):
                    href = href_of(kinds[0], uuid7())
                with in_domain(left), pytest.raises(MarshmallowError, match="out of the domain left"):
                    field.deserialize([href] if isinstance(field, References) else href)
                seen.add(f"{schema.wire_name}.{name}")
    assert {"file.FileDistribution.repository", "RepositoryAddRemoveContent.add_content_units"} <= seen
