"""Access policies: customized, reset, and what is refused because it means nothing."""

from __future__ import annotations

import pytest

from pulp_actor.db import connected
from pulp_actor.models import Group
from tests.integration.api.conftest import key_of

REPOSITORIES = "repositories/file/file/"


@pytest.fixture
def policy(api):
    def read(name):
        return api.get("access_policies/", f"viewset_name={name}").json["results"][0]

    return read


def test_a_policy_is_customized_and_reset(api, member, policy):
    default = policy("repositories/file/file")
    assert not default["customized"]
    assert default["creation_hooks"] == default["permissions_assignment"] == [
        {"function": "add_roles_for_object_creator", "parameters": {"roles": ["file.filerepository_owner"]}}]
    ann = member("ann")
    assert ann.post(REPOSITORIES, {"name": "r"}).status_code == 403
    statements = [*default["statements"], {"action": ["create"], "principal": "authenticated", "effect": "allow"}]
    body = {"statements": statements, "creation_hooks": [
        {"function": "add_roles_for_users", "parameters": {"roles": ["file.filerepository_viewer"], "users": ["ann"]}},
        {"function": "add_roles_for_groups", "parameters": {"roles": "file.filerepository_owner", "groups": ["team"]}}]}
    with connected():
        Group.create(name="team")
    assert api.patch(default["pulp_href"], body).json["customized"]
    repository = ann.made(REPOSITORIES, {"name": "r"})
    assert ann.patch(repository["pulp_href"], {"description": "x"}).status_code == 403
    assert api.get(f"{repository['pulp_href']}list_roles/").json["roles"] == [
        {"role": "file.filerepository_owner", "users": [], "groups": ["team"]},
        {"role": "file.filerepository_viewer", "users": ["ann"], "groups": []}]
    assert api.post(f"{default['pulp_href']}reset/").json["statements"] == default["statements"]
    assert ann.post(REPOSITORIES, {"name": "s"}).status_code == 403


def test_what_a_policy_denies_is_denied(api, member, policy):
    bob = member("bob", "file.filerepository_owner")
    repository = api.made(REPOSITORIES, {"name": "r"})
    default = policy("repositories/file/file")
    deny = {"action": "destroy", "principal": f"id:{key_of(api, 'bob')}", "effect": "deny"}
    assert api.patch(default["pulp_href"], {"statements": [*default["statements"], deny]}).status_code == 200
    assert bob.delete(repository["pulp_href"]).status_code == 403
    assert bob.get(repository["pulp_href"]).status_code == 200


def test_a_policy_can_open_a_list_to_everybody(api, anonymous, member, policy):
    api.made(REPOSITORIES, {"name": "r"})
    ann = member("ann")
    found = policy("repositories/file/file")
    assert ann.get(REPOSITORIES).json["count"] == 0
    assert api.patch(found["pulp_href"], {"queryset_scoping": {}}).status_code == 200
    assert ann.get(REPOSITORIES).json["count"] == 1


def test_a_policy_that_lets_anybody_ask_shows_a_stranger_no_more_than_a_user_without_roles(
        api, anonymous, member, policy):
    repository = api.made(REPOSITORIES, {"name": "r"})
    hidden = api.made("remotes/file/file/", {"name": "hidden", "url": "http://127.0.0.1:1/PULP_MANIFEST"})
    default = policy("repositories/file/file")
    anybody = {"action": ["list", "retrieve", "create"], "principal": "*", "effect": "allow"}
    api.patch(default["pulp_href"], {"statements": [*default["statements"], anybody]})
    assert member("ann").get(REPOSITORIES).json["count"] == anonymous.get(REPOSITORIES).json["count"] == 0
    assert anonymous.get(repository["pulp_href"]).status_code == 401
    assert anonymous.post(REPOSITORIES, {"name": "s", "remote": hidden["pulp_href"]}).status_code == 400
    assert anonymous.post(REPOSITORIES, {"name": "s"}).status_code == 201
    assert api.patch(default["pulp_href"], {"queryset_scoping": {}}).status_code == 200
    assert anonymous.get(REPOSITORIES).json["count"] == 2
    assert anonymous.get(repository["pulp_href"]).json["name"] == "r"


@pytest.mark.parametrize("statement", [
    {"action": "list", "principal": "*"},
    {"action": "explode", "principal": "*", "effect": "allow"},
    {"action": "list", "principal": "everyone", "effect": "allow"},
    {"action": "list", "principal": "*", "effect": "maybe"},
    {"action": "list", "principal": "*", "effect": "allow", "condition": "os.system:ls"},
    {"action": "list", "principal": "*", "effect": "allow", "condition": "has_model_perms"},
    {"action": "list", "principal": "*", "effect": "allow", "condition": "has_model_perms:no.such_permission"},
    {"action": "list", "principal": "*", "effect": "allow", "condition": {"a": 1}},
    {"action": "list", "principal": "*", "effect": "allow", "condition_expression": "true"},
    {"action": [["list"]], "principal": "*", "effect": "allow"},
    {"action": "list", "principal": [1], "effect": "allow"},
])
def test_a_statement_that_means_nothing_is_refused(api, policy, statement):
    found = policy("repositories/file/file")
    assert api.patch(found["pulp_href"], {"statements": [statement]}).status_code == 400
    assert not policy("repositories/file/file")["customized"]


@pytest.mark.parametrize("change", [
    {"creation_hooks": [{"function": "os.system", "parameters": {"roles": "x"}}]},
    {"creation_hooks": [{"function": "add_roles_for_users", "parameters": {"roles": "x"}}]},
    {"permissions_assignment": [{"parameters": {}}]},
    {"queryset_scoping": {"function": "os.system"}},
])
def test_a_hook_or_scoping_that_is_not_there_is_refused(api, policy, change):
    found = policy("repositories/file/file")
    assert api.patch(found["pulp_href"], change).status_code == 400


def test_only_an_admin_changes_policies(member, policy):
    found = policy("tasks")
    ann = member("ann", "core.role_owner")
    assert ann.get(found["pulp_href"]).status_code == 200
    assert ann.patch(found["pulp_href"], {"statements": []}).status_code == 403
    assert ann.post(f"{found['pulp_href']}reset/").status_code == 403
