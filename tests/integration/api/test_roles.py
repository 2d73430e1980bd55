"""Roles: given, listed and taken away; never more than whoever gives them has."""

from __future__ import annotations

from api.routes import all_endpoints
from pulp_actor.db import connected
from pulp_actor.models import AccessToken, DetailContent, Role
from tests.integration.api.conftest import give, key_of

REPOSITORIES = "repositories/file/file/"


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
    assert owner.delete(f"{group['pulp_href']}users/{key_of(api, 'owner')}/").status_code == 204
    body = {"role": "file.filerepository_owner", "content_object": None}
    assert owner.post(f"{group['pulp_href']}roles/", body).status_code == 403
    assert api.post(f"{group['pulp_href']}roles/", body).status_code == 201
    assert owner.post(f"{group['pulp_href']}users/", {"username": "owner"}).status_code == 403


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
    downloading = api.get("roles/", "contains_permission=core.download_rbaccontentguard").json["results"]
    assert "core.rbaccontentguard_downloader" in [one["name"] for one in downloading]


def test_the_roles_of_a_user_are_listed_read_and_taken_away(api, member):
    member("bob")
    repository = api.made(REPOSITORIES, {"name": "r"})
    path = f"users/{key_of(api, 'bob')}/roles/"
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
    assert api.post("users/999999/roles/", {"role": "file.filerepository_creator"}).status_code == 404


def test_a_guard_shows_who_may_pass(api, member):
    member("bob")
    guard = api.made("contentguards/core/rbac/", {"name": "guard"})["pulp_href"]
    api.post(f"{guard}add_role/", {"role": "core.rbaccontentguard_downloader", "users": ["bob"]})
    shown = api.get(guard).json
    assert {one["username"] for one in shown["users"]} >= {"bob"}
    assert shown["groups"] == []


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
