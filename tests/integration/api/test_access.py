"""Several teams share an installation, and none can see or touch what is not theirs."""

from __future__ import annotations

import pytest

from api.routes import all_endpoints
from pulp_actor.db import connected
from pulp_actor.domains import DEFAULT_DOMAIN_ID
from pulp_actor.models import (
    AccessToken,
    DetailContent,
    Domain,
    Group,
    GroupMember,
    Repository,
    Role,
    RoleAssignment,
    User,
)
from pulp_actor.models.base import utcnow
from pulp_actor.queue import dispatch
from pulp_actor.queue.models import TaskGroup
from pulp_actor.settings import settings
from pulp_actor.versions import new_version
from tests.integration.api.conftest import PASSWORD_HASH, Client, counted_queries

REPOSITORIES = "repositories/file/file/"


def give(username, role, **place):
    """Make a user, perhaps, and give them a built-in role."""
    with connected():
        user, _ = User.get_or_create(username=username, defaults={"password": PASSWORD_HASH})
        if role:
            RoleAssignment.create(role=Role.get(Role.name == role), user=user.id, **place)


def on(repository):
    return {"object_type": "file.filerepository", "object_key": repository["pulp_href"].split("/")[-2]}


@pytest.fixture
def member(app, api):
    """Makes clients of users with a role."""
    def make(username, role=None, **place):
        give(username, role, **place)
        return Client(app, username)

    return make


def names(answer):
    return [one["name"] for one in answer.json["results"]]


def test_whoever_makes_a_repository_owns_it_and_others_do_not_see_it(api, member):
    ann = member("ann", "file.filerepository_creator")
    bob = member("bob", "file.filerepository_creator")
    repository = ann.made(REPOSITORIES, {"name": "ann's"})
    bob.made(REPOSITORIES, {"name": "bob's"})
    assert names(ann.get(REPOSITORIES)) == names(ann.get("repositories/")) == ["ann's"]
    assert ann.get(REPOSITORIES).json["count"] == 1
    assert sorted(names(api.get(REPOSITORIES))) == ["ann's", "bob's"]
    href = repository["pulp_href"]
    for method, path in (("GET", href), ("PATCH", href), ("DELETE", href), ("GET", f"{href}versions/"),
                         ("GET", f"{href}versions/0/"), ("POST", f"{href}modify/"), ("GET", f"{href}my_permissions/")):
        assert bob.request(method, path, json={}).status_code == 404, (method, path)
    assert ann.get(f"{href}versions/").json["count"] == 1
    assert ann.patch(href, {"description": "mine"}).status_code in (200, 202)
    assert bob.get("repository_versions/").json["count"] == 1


def test_a_viewer_sees_and_changes_nothing(api, member):
    repository = api.made(REPOSITORIES, {"name": "shared"})
    viewer = member("viewer", "file.filerepository_viewer", **on(repository))
    href = repository["pulp_href"]
    assert viewer.get(href).json["name"] == "shared"
    assert viewer.get(f"{href}my_permissions/").json == {"permissions": ["file.view_filerepository"]}
    assert viewer.patch(href, {"description": "x"}).status_code == 403
    assert viewer.post(f"{href}modify/", {}).status_code == 403
    assert viewer.get(f"{href}list_roles/").status_code == 403
    assert viewer.post(REPOSITORIES, {"name": "new"}).status_code == 403


def test_a_role_in_the_domain_or_everywhere_reaches_all(api, member):
    api.made(REPOSITORIES, {"name": "one"})
    api.made(REPOSITORIES, {"name": "two"})
    everywhere = member("everywhere", "file.filerepository_viewer")
    in_domain = member("in-domain", "file.filerepository_viewer", domain="00000000-0000-7000-8000-000000000001")
    for client in (everywhere, in_domain):
        assert client.get(REPOSITORIES).json["count"] == 2
        assert client.get("repositories/").json["count"] == 2


def test_roles_are_given_seen_and_taken_away(api, member):
    ann = member("ann", "file.filerepository_creator")
    bob = member("bob")
    href = ann.made(REPOSITORIES, {"name": "ann's"})["pulp_href"]
    assert ann.get(f"{href}list_roles/").json["roles"] == [
        {"role": "file.filerepository_owner", "users": ["ann"], "groups": []}]
    body = {"role": "file.filerepository_viewer", "users": ["bob"]}
    assert ann.post(f"{href}add_role/", body).status_code == 201
    assert bob.get(href).status_code == 200
    assert ann.post(f"{href}remove_role/", body).status_code == 201
    assert bob.get(href).status_code == 404
    for wrong in ({"role": "nonsense", "users": ["bob"]}, {"role": "file.filerepository_viewer", "users": ["nobody"]},
                  {"role": "file.filerepository_viewer"}, {"role": "core.task_owner", "users": ["bob"]}):
        assert ann.post(f"{href}add_role/", wrong).status_code == 400, wrong


def test_a_group_s_role_is_its_members(api, member):
    bob = member("bob")
    repository = api.made(REPOSITORIES, {"name": "shared"})
    group = api.made("groups/", {"name": "team"})
    with connected():
        GroupMember.create(group=group["id"], user=User.get(User.username == "bob").id)
    assert bob.get(repository["pulp_href"]).status_code == 404
    body = {"role": "file.filerepository_owner", "groups": ["team"]}
    assert api.post(f"{repository['pulp_href']}add_role/", body).status_code == 201
    assert bob.patch(repository["pulp_href"], {"description": "ours"}).status_code in (200, 202)


def test_nobody_gives_more_than_they_have(api, member):
    ann = member("ann", "file.filerepository_creator")
    href = ann.made(REPOSITORIES, {"name": "ann's"})["pulp_href"]
    with connected():
        Role.create(name="wide", permissions=["core.delete_task", "file.view_filerepository"])
    wide = {"role": "wide", "users": ["ann"]}
    assert ann.post(f"{href}add_role/", wide).status_code == 403
    assert api.post(f"{href}add_role/", wide).status_code == 201
    maker = member("maker", "core.role_creator")
    assert maker.post("roles/", {"name": "mine", "permissions": ["core.add_role"]}).status_code == 201
    assert maker.post("roles/", {"name": "more", "permissions": ["file.view_filerepository"]}).status_code == 403
    give("maker", "core.role_owner")
    mine = maker.get("roles/", "name=mine").json["results"][0]
    assert maker.patch(mine["pulp_href"], {"permissions": ["core.delete_domain"]}).status_code == 403
    manager = member("manager", "auth.user_owner")
    me = manager.get("users/", "username=manager").json["results"][0]["pulp_href"]
    assert manager.post(f"{me}roles/", {"role": "auth.user_viewer"}).status_code == 201
    assert manager.post(f"{me}roles/", {"role": "file.filerepository_owner"}).status_code == 403
    assert manager.post(f"{me}roles/", {"role": "file.filerepository_owner", "content_object": href}).status_code == 400


def test_who_manages_users_cannot_become_one_who_may_do_more(api, member):
    manager = member("manager", "auth.user_owner")
    member("ann", "file.filerepository_creator")
    users = {one["username"]: one["pulp_href"] for one in manager.get("users/").json["results"]}
    for name in ("admin", "ann"):
        assert manager.patch(users[name], {"password": "a new password"}).status_code == 403
        assert manager.delete(users[name]).status_code == 403
    member("peer")
    peer = manager.get("users/", "username=peer").json["results"][0]["pulp_href"]
    assert manager.patch(peer, {"password": "a new passphrase"}).status_code == 200


def test_who_manages_a_group_cannot_join_one_that_may_do_more(api, member):
    owner = member("owner", "core.group_creator")
    group = owner.made("groups/", {"name": "team"})
    assert owner.post(f"{group['pulp_href']}users/", {"username": "owner"}).status_code == 201
    assert owner.delete(f"{group['pulp_href']}users/{_key(api, 'owner')}/").status_code == 204
    body = {"role": "file.filerepository_owner", "content_object": None}
    assert owner.post(f"{group['pulp_href']}roles/", body).status_code == 403
    assert api.post(f"{group['pulp_href']}roles/", body).status_code == 201
    assert owner.post(f"{group['pulp_href']}users/", {"username": "owner"}).status_code == 403


def _key(api, username):
    return api.get("users/", f"username={username}").json["results"][0]["id"]


def test_built_in_roles_stay_as_they_are(api):
    role = api.get("roles/", "name=file.filerepository_owner").json["results"][0]
    assert role["locked"]
    assert "file.sync_filerepository" in role["permissions"]
    assert api.patch(role["pulp_href"], {"permissions": []}).status_code == 403
    assert api.delete(role["pulp_href"]).status_code == 403
    assert api.post("roles/", {"name": "odd", "permissions": ["no.such_thing"]}).status_code == 400
    ours = api.get("roles/", "for_object_type=file.filerepository&locked=true").json["results"]
    assert {one["name"] for one in ours} == {
        f"file.filerepository_{end}" for end in ("creator", "owner", "viewer")}
    assert "core.rbaccontentguard_downloader" in names(
        api.get("roles/", "contains_permission=core.download_rbaccontentguard"))


def test_the_roles_of_a_user_are_listed_read_and_taken_away(api, member):
    member("bob")
    repository = api.made(REPOSITORIES, {"name": "r"})
    path = f"users/{_key(api, 'bob')}/roles/"
    one = api.made(path, {"role": "file.filerepository_viewer", "content_object": repository["pulp_href"]})
    assert one["content_object"] == repository["pulp_href"] and one["content_object_prn"] == repository["prn"]
    assert one["permissions"] == ["file.view_filerepository"]
    everywhere = api.made(path, {"role": "file.filerepository_creator", "content_object": None})
    assert api.get(one["pulp_href"]).json == one
    assert api.get(path, f"content_object={repository['pulp_href']}").json["results"] == [one]
    assert api.get(path, "content_object=null").json["results"] == [everywhere]
    assert api.get(path, f"prn__in={one['prn']}").json["count"] == 1
    assert api.post(path, {"role": "file.filerepository_creator", "content_object": None}).status_code == 400
    assert api.delete(one["pulp_href"]).status_code == 204
    assert api.get(path).json["count"] == 1
    assert api.get("users/999999/roles/").status_code == 404


def test_a_domain_s_owner_owns_nothing_in_another_one(api, member):
    with settings.override(DOMAIN_ENABLED=True), connected():
        left, right = (Domain.create(name=name).id for name in ("left", "right"))
    ann = member("ann", "file.filerepository_owner", domain=left)
    give("ann", "file.filerepository_creator", domain=left)
    with settings.override(DOMAIN_ENABLED=True):
        for domain in ("left", "right"):
            api.made(f"/pulp/{domain}/api/v3/{REPOSITORIES}", {"name": domain})
        assert names(ann.get(f"/pulp/left/api/v3/{REPOSITORIES}")) == ["left"]
        assert names(ann.get(f"/pulp/right/api/v3/{REPOSITORIES}")) == []
        assert ann.post(f"/pulp/left/api/v3/{REPOSITORIES}", {"name": "more"}).status_code == 201
        assert ann.post(f"/pulp/right/api/v3/{REPOSITORIES}", {"name": "more"}).status_code == 403
        hidden = names_to_hrefs(api.get(f"/pulp/right/api/v3/{REPOSITORIES}"))["right"]
        for method in ("GET", "PATCH", "DELETE"):
            assert ann.request(method, hidden, json={}).status_code == 404
            assert ann.request(method, hidden.replace("right", "left"), json={}).status_code == 404
    assert right != left


def names_to_hrefs(answer):
    return {one["name"]: one["pulp_href"] for one in answer.json["results"]}


# --- references --------------------------------------------------------------------------------------------------------

def test_an_object_that_one_may_not_see_cannot_be_referred_to(api, member):
    remote = api.made("remotes/file/file/", {"name": "secret", "url": "http://127.0.0.1:1/PULP_MANIFEST"})
    hidden = api.made(REPOSITORIES, {"name": "hidden"})
    guard = api.made("contentguards/core/rbac/", {"name": "guard"})
    ann = member("ann", "file.filerepository_creator")
    for role in ("file.filepublication_creator", "file.filedistribution_creator", "core.compositecontentguard_creator",
                 "file.filecontent_creator"):
        give("ann", role)
    href = ann.made(REPOSITORIES, {"name": "mine"})["pulp_href"]
    attempts = [
        (f"{href}sync/", {"remote": remote["pulp_href"]}),
        (REPOSITORIES, {"name": "other", "remote": remote["prn"]}),
        (f"{href}modify/", {"base_version": hidden["latest_version_href"]}),
        ("publications/file/file/", {"repository": hidden["pulp_href"]}),
        ("publications/file/file/", {"repository_version": hidden["latest_version_href"]}),
        ("distributions/file/file/", {"name": "d", "base_path": "d", "content_guard": guard["pulp_href"]}),
        ("distributions/file/file/", {"name": "d", "base_path": "d", "repository": hidden["pulp_href"]}),
        ("contentguards/core/composite/", {"name": "c", "guards": [guard["pulp_href"]]}),
    ]
    for path, body in attempts:
        answer = ann.post(path, body)
        assert answer.status_code == 400, (path, body, answer.text)
    filters = f"repository_version={hidden['latest_version_href']}"
    assert ann.get("content/file/files/", filters).status_code == 400
    fields = {"relative_path": "f", "repository": hidden["pulp_href"]}
    assert ann.upload("content/file/files/", fields, b"bytes").status_code == 400


def test_content_is_seen_in_the_repositories_that_are_seen(api, member):
    repository = api.made(REPOSITORIES, {"name": "r"})
    units = {}
    for name in ("in", "out"):
        answer = api.upload("content/file/files/upload/", {"relative_path": name}, name.encode())
        units[name] = answer.json["pulp_href"]
    with connected(), new_version(Repository.get(Repository.name == "r")) as version:
        version.add([units["in"].split("/")[-2]])
    viewer = member("viewer", "file.filerepository_viewer", **on(repository))
    for path in ("content/file/files/", "content/"):
        assert [one["pulp_href"] for one in viewer.get(path).json["results"]] == [units["in"]]
    assert viewer.get(units["in"]).status_code == 200
    assert viewer.post(f"{units['in']}set_label/", {"key": "a", "value": "b"}).status_code == 403
    assert viewer.get(units["out"]).status_code == 404
    assert member("stranger").get("content/").json["count"] == 0


def test_content_comes_into_a_repository_only_by_those_who_may_change_it(api, member):
    repository = api.made(REPOSITORIES, {"name": "r"})
    fields = {"relative_path": "f", "repository": repository["pulp_href"]}
    path = "content/file/files/"
    adder = member("adder", "file.filecontent_creator")
    give("adder", "file.filerepository_viewer", **on(repository))
    assert adder.upload(path, fields, b"x").status_code == 403
    assert adder.upload(path, {"relative_path": "g"}, b"x").status_code == 202
    owner = member("owner", "file.filerepository_owner", **on(repository))
    assert owner.upload(path, {"relative_path": "f"}, b"x").status_code == 403
    assert owner.upload(path, fields, b"x").status_code == 202


def test_whoever_uploads_an_artifact_can_make_content_of_it(api, member):
    ann = member("ann", "core.artifact_creator")
    give("ann", "file.filecontent_creator")
    bob = member("bob", "file.filecontent_creator")
    artifact = ann.upload("artifacts/", {}, b"bytes").json["pulp_href"]
    fields = {"relative_path": "f", "artifact": artifact}
    assert bob.upload("content/file/files/upload/", fields).status_code == 400
    assert ann.upload("content/file/files/upload/", fields).status_code == 201
    assert bob.get(artifact).status_code == 404


# --- tasks -------------------------------------------------------------------------------------------------------------

def test_everybody_sees_their_own_tasks_and_the_admin_all(api, member):
    ann = member("ann", "file.filedistribution_creator")
    bob = member("bob", "file.filedistribution_creator")
    tasks = {}
    for name, client in (("ann", ann), ("bob", bob)):
        answer = client.post("distributions/file/file/", {"name": name, "base_path": name})
        assert answer.status_code == 202
        tasks[name] = answer.json["task"]
    assert [one["pulp_href"] for one in ann.get("tasks/").json["results"]] == [tasks["ann"]]
    assert api.get("tasks/").json["count"] == 2
    assert ann.get(tasks["bob"]).status_code == 404
    task = ann.get(tasks["ann"]).json
    assert task["created_by"].endswith(f"/users/{_key(api, 'ann')}/")
    assert ann.get(task["created_by"]).json["username"] == "ann"
    assert ann.get(f"{tasks['ann']}list_roles/").json["roles"] == [
        {"role": "core.task_owner", "users": ["ann"], "groups": []}]
    made = task["created_resources"][0]
    assert ann.get(made).json["name"] == "ann"
    assert bob.get(made).status_code == 404
    assert bob.request("PATCH", tasks["ann"], json={"state": "canceled"}).status_code == 404
    assert ann.delete(tasks["ann"]).status_code == 204


def test_whoever_asked_for_all_tasks_of_a_group_may_cancel_it(api, member):
    ann = member("ann")
    with connected():
        group = TaskGroup.create(
            domain_id=DEFAULT_DOMAIN_ID, description="", pulp_created=utcnow(), pulp_last_updated=utcnow())
        for _ in range(2):
            _task(group, User.get(User.username == "ann").id)
    path = f"task-groups/{group.id}/"
    assert ann.get(path).status_code == 200
    assert ann.patch(path, {"state": "canceled"}).status_code == 200
    with connected():
        _task(group, User.get(User.username == "admin").id)
    assert ann.get(path).status_code == 200
    assert ann.patch(path, {"state": "canceled"}).status_code == 403
    assert member("bob").get(path).status_code == 404


def _task(group, user):
    dispatch("pulpcore.app.tasks.orphan.orphan_cleanup", kwargs={}, created_by=user, task_group=group.id)


# --- policies ----------------------------------------------------------------------------------------------------------

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
    deny = {"action": "destroy", "principal": f"id:{_key(api, 'bob')}", "effect": "deny"}
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


def test_a_guard_shows_who_may_pass(api, member):
    member("bob")
    guard = api.made("contentguards/core/rbac/", {"name": "guard"})["pulp_href"]
    api.post(f"{guard}add_role/", {"role": "core.rbaccontentguard_downloader", "users": ["bob"]})
    shown = api.get(guard).json
    assert {one["username"] for one in shown["users"]} >= {"bob"}
    assert shown["groups"] == []


# --- cost --------------------------------------------------------------------------------------------------------------

PERMISSION_TABLES = ("role_assignment", "access_policy")


@pytest.mark.parametrize("path", ["repositories/file/file/", "repositories/", "content/", "tasks/", "publications/"])
def test_permissions_cost_at_most_two_queries_whatever_is_listed(api, member, path):
    ann = member("ann", "file.filerepository_creator")
    counts = []
    for number in range(3):
        ann.made(REPOSITORIES, {"name": f"r{number}"})
        with counted_queries() as queries:
            assert ann.get(path).status_code == 200
        counts.append(len(queries))
        separate = [one for one in queries if any(table in one for table in PERMISSION_TABLES)]
        assert len([one for one in separate if "LIMIT" not in one and "count(*)" not in one]) <= 2, queries
    assert len(set(counts[1:])) == 1
    with counted_queries() as queries:
        api.get(path)
    assert not [one for one in queries[1:] if any(table in one for table in PERMISSION_TABLES)]


def test_permissions_on_an_object_cost_at_most_two_queries(api, member):
    ann = member("ann", "file.filerepository_creator")
    href = ann.made(REPOSITORIES, {"name": "r"})["pulp_href"]
    with counted_queries() as queries:
        assert ann.get(href).status_code == 200
    about = [one for one in queries[1:] if any(table in one for table in PERMISSION_TABLES)]
    assert len(about) <= 2, queries
    with counted_queries() as queries:
        assert api.get(href).status_code == 200
    assert len(queries) == 2  # who asks, and the object


def test_the_roles_on_every_kind_of_object_go_with_it(database):
    """The table of each kind that somebody can make, and so own, takes its roles along; a new one must, too."""
    made = {
        one.resource.model._meta.table_name for one in all_endpoints() if one.resource is not None
        and not issubclass(one.resource.model, DetailContent | AccessToken)
        and one.owner is None and any(operation.action == "create" for operation in one.operations)
    }
    with connected():
        rows = database.execute_sql("SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgname = 'roles_gone'")
        assert made <= {name for (name,) in rows.fetchall()}
