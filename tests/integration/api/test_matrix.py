"""The matrix: every operation of every endpoint, asked for by everybody there can be, is let through or refused as its
declaration says. It is made from `all_endpoints`, so that a new endpoint is in it before anybody thinks of it.

What stands behind the gate is taken away, so that the gate alone is asked and nothing is deleted: who comes through is
answered 299. The paths name two objects; the owner owns the first.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from types import SimpleNamespace

import falcon
import pytest
from falcon.testing import TestClient

from api.access.declared import roles
from api.access.policies import default_statements
from api.call import Answer
from api.endpoints import ADMIN, ANY_USER, ANYONE, Endpoint, Operation
from api.errors import add_error_handlers
from api.middleware import RequestScope
from api.routes import add_routes, all_endpoints
from pulp_actor.db import connected
from pulp_actor.domains import DEFAULT_DOMAIN_ID, belongs_to_domain
from pulp_actor.models import Domain, Role, RoleAssignment, User
from pulp_actor.plugins import load_plugins
from pulp_actor.security.permissions import OPEN_MODELS, permission_name
from tests.integration.api.conftest import PASSWORD_HASH, credentials

THROUGH = 299

#: The objects in the paths: one that the owner owns, and another one.
OWNED, OTHER = ("01999999-0000-7000-8000-000000000001", "1001"), ("01999999-0000-7000-8000-000000000002", "1002")

load_plugins()
ENDPOINTS = all_endpoints()
ROLES = roles(ENDPOINTS)
OPERATIONS = [(endpoint, one) for endpoint in ENDPOINTS for one in endpoint.operations]


@dataclass(frozen=True)
class Who:
    """Somebody, by the built-in roles that they have: their ends, and where."""

    name: str
    roles: tuple[str, ...] = ()
    on_object: bool = False
    domain: str = ""


NOBODY, ADMINISTRATOR = Who("anonymous"), Who("admin")
PEOPLE = [
    NOBODY, Who("no-role"), Who("viewer", ("viewer",)), Who("creator", ("creator",)),
    Who("owner", ("owner",), on_object=True), Who("domain-owner", ("owner",), domain="default"),
    Who("other-domain-owner", ("owner",), domain="other"), ADMINISTRATOR,
]


def is_about_object(endpoint, operation):
    return endpoint.guarded is not None and (operation.on_item or endpoint.owner is not None)


def holds(who, resource, permission, *, owned):
    """Whether somebody's built-in roles give a permission: on the object in the path, or (``owned`` None) without one."""
    verb = permission.partition(".")[2].removesuffix(f"_{resource.prn.partition('.')[2]}")
    mine = {"view": {"viewer", "owner"}, "add": {"creator"}}.get(verb, {"owner"})
    if not mine & set(who.roles):
        return False
    if who.domain:
        return who.domain == "default" and belongs_to_domain(resource.model)
    return bool(owned) if who.on_object else True


def expected(who, endpoint, operation, *, owned):
    permission, resource = endpoint.permission_of(operation), endpoint.guarded
    if permission == ANYONE or who is ADMINISTRATOR:
        return THROUGH
    if who is NOBODY:
        return 401
    about_object = is_about_object(endpoint, operation)
    hidden = about_object and resource.model not in OPEN_MODELS
    if hidden and not holds(who, resource, permission_name(resource, "view"), owned=owned):
        return 404
    if permission == ADMIN:
        return 403
    if permission == ANY_USER or (resource is not None and operation.action == "list"):
        return THROUGH
    if resource is None:  # a permission on objects that are elsewhere, or one that no built-in role gives
        ends = tuple(f"_{end}" for end in who.roles if not who.on_object and not who.domain)
        given = {one for name, permissions in ROLES.items() if name.endswith(ends) for one in permissions}
        return THROUGH if permission in given else 403
    return THROUGH if holds(who, resource, permission, owned=owned if about_object else None) else 403


def path_of(endpoint, operation, keys):
    numbers = {key.name: keys[1] if key.kind.openapi_type.get("type") == "integer" else keys[0] for key in endpoint.keys}
    return "/pulp/api/v3/" + re.sub(r"\{([^}]+)\}", lambda match: numbers[match[1]], endpoint.path_of(operation)) + "/"


@pytest.fixture
def gate(admin):
    """The API without what stands behind the gate, and everybody there can be."""
    app = falcon.App()
    app.add_middleware(RequestScope())
    add_error_handlers(app)
    add_routes(app, [
        replace(endpoint, operations=[replace(one, run=lambda call: Answer(THROUGH)) for one in endpoint.operations])
        for endpoint in ENDPOINTS
    ])
    with connected():
        other = Domain.create(name="other")
        for who in PEOPLE:
            if who not in (NOBODY, ADMINISTRATOR):
                _give(who, User.create(username=who.name, password=PASSWORD_HASH), other)
    return TestClient(app)


def _give(who, user, other):
    domains = {"": None, "default": DEFAULT_DOMAIN_ID, "other": other.id}
    guarded = {endpoint.guarded.prn: endpoint for endpoint in ENDPOINTS if endpoint.guarded is not None}
    for prn, endpoint in guarded.items():
        for role in Role.select().where(Role.name.in_([f"{prn}_{end}" for end in who.roles])):
            keys = {"object_type": prn, "object_key": _owned_key(endpoint)} if who.on_object else {}
            RoleAssignment.create(role=role, user=user.id, domain=domains[who.domain], **keys)


def _owned_key(endpoint):
    key = endpoint.keys[0] if endpoint.owner is not None else endpoint.keys[-1]
    return OWNED[1] if key.kind.openapi_type.get("type") == "integer" else OWNED[0]


@pytest.mark.parametrize("who", PEOPLE, ids=lambda who: who.name)
def test_everybody_may_what_the_declarations_say_and_nothing_else(gate, who):
    headers = {} if who is NOBODY else {"Authorization": credentials(who.name)}
    wrong, seen = [], Counter()
    for endpoint, operation in OPERATIONS:
        for keys in (OWNED, OTHER) if endpoint.keys and who.on_object else (OWNED,):
            path = path_of(endpoint, operation, keys)
            status = gate.simulate_request(operation.method, path, headers=headers).status_code
            seen[status] += 1
            wanted = expected(who, endpoint, operation, owned=keys is OWNED)
            if status != wanted:
                wrong.append(f"{operation.method} {path} ({operation.action}): {status} and not {wanted}")
    assert not wrong, "\n".join(wrong)
    assert sum(seen.values()) > 300


#: Some of its cells, written by hand: (endpoint, action) -> what viewer, creator, owner and owner of another one are told.
BY_HAND = {
    ("repositories/file/file", "list"): (THROUGH, THROUGH, THROUGH, THROUGH),
    ("repositories/file/file", "create"): (403, THROUGH, 403, 403),
    ("repositories/file/file", "read"): (THROUGH, 404, THROUGH, 404),
    ("repositories/file/file", "sync"): (403, 404, THROUGH, 404),
    ("repositories/file/file", "add_role"): (403, 404, THROUGH, 404),
    ("repositories/file/file/{repository_pk}/versions", "list"): (THROUGH, 404, THROUGH, 404),
    ("repositories/file/file/{repository_pk}/versions", "delete"): (403, 404, THROUGH, 404),
    ("distributions/file/file", "delete"): (403, 404, THROUGH, 404),
    ("tasks", "purge"): (403, 403, 403, 403),
    ("tasks", "cancel"): (403, 404, THROUGH, 404),
    ("groups/{group_pk}/users", "create"): (403, 404, THROUGH, 404),
    ("access_policies", "read"): (THROUGH, THROUGH, THROUGH, THROUGH),
    ("access_policies", "partial_update"): (403, 403, 403, 403),
    ("orphans/cleanup", "cleanup"): (403, 403, 403, 403),
    ("status", "read"): (THROUGH, THROUGH, THROUGH, THROUGH),
}


def test_the_matrix_says_what_a_person_would(gate):
    by_name = {who.name: who for who in PEOPLE}
    places = [("viewer", OWNED), ("creator", OWNED), ("owner", OWNED), ("owner", OTHER)]
    found = {}
    for endpoint, operation in OPERATIONS:
        if (endpoint.path, operation.action) in BY_HAND:
            answers = [
                gate.simulate_request(
                    operation.method, path_of(endpoint, operation, keys), headers={"Authorization": credentials(name)})
                for name, keys in places
            ]
            found[endpoint.path, operation.action] = tuple(one.status_code for one in answers)
            assert [expected(by_name[name], endpoint, operation, owned=keys is OWNED) for name, keys in places] == [
                one.status_code for one in answers]
    assert found == BY_HAND


def test_what_nobody_declared_is_nobody_s(gate):
    """An endpoint that says nothing of who may use it is the admin's alone."""
    bare = Endpoint(path="new/thing", tag="", operations=[Operation("explode", "POST", SimpleNamespace)])
    assert default_statements(bare) == [{
        "action": ["explode"], "principal": "authenticated", "effect": "allow",
        "condition": ["has_model_or_domain_perms:core.explode_new_thing"]}]
