"""Two teams share a platform: each mirrors its own, sees its own, and downloads what it may."""

import requests

from pulp_actor.cli.client import ApiError, Client
from tests.support.origin import make_files
from tests.support.platform import pulp_actor
from tests.support.workers.waiting import eventually

PASSWORD = "a long pass phrase"
CREATORS = ("filerepository", "fileremote", "filepublication", "filedistribution")


def team(platform, name):
    """A user who may make file repositories and what goes with them."""
    user = platform.client.create("users/", {"username": name, "password": PASSWORD})
    for kind in CREATORS:
        platform.client.create(f"{user['pulp_href']}roles/", {"role": f"file.{kind}_creator", "content_object": None})
    return Client(platform.facts.api, name, PASSWORD)


def refusal(call, *arguments, **options):
    try:
        call(*arguments, **options)
    except ApiError as error:
        return error.status
    return 200


def test_each_team_mirrors_publishes_and_sees_its_own(platform, origin):
    red, blue = team(platform, "red"), team(platform, "blue")
    origin.publish("red", make_files(3, "red"))
    remote = red.create("remotes/file/file/", {"name": "red", "url": f"{origin.url}/red/PULP_MANIFEST"})
    body = {"name": "red", "remote": remote["pulp_href"], "autopublish": True}
    repository = red.create("repositories/file/file/", body)
    task = red.run(f"{repository['pulp_href']}sync/", {})
    me = red.get("login/")["pulp_href"]
    assert task["created_by"] == me
    publication = next(href for href in task["created_resources"] if "publications" in href)
    assert red.get(publication)["repository"] == repository["pulp_href"]
    assert red.get(f"{publication}list_roles/")["roles"] == [
        {"role": "file.filepublication_owner", "users": ["red"], "groups": []}]
    distribution = red.create(
        "distributions/file/file/", {"name": "red", "base_path": "red", "publication": publication})["pulp_href"]
    assert red.get("content/file/files/")["count"] == 3
    for href in (remote["pulp_href"], repository["pulp_href"], publication, distribution, task["pulp_href"]):
        assert refusal(blue.get, href) == 404
    for path in ("remotes/", "repositories/", "publications/", "distributions/", "content/", "tasks/"):
        assert blue.get(path)["count"] == 0, path
    assert refusal(blue.create, "repositories/file/file/", {"name": "mine", "remote": remote["pulp_href"]}) == 400
    shown = platform.pulp("file", "repository", "role", "list", "--name", "red")
    assert shown["roles"][0]["users"] == ["red"]
    platform.pulp(
        "file", "repository", "role", "add", "--name", "red", "--user", "blue", "--role", "file.filerepository_viewer")
    assert blue.get("content/file/files/")["count"] == 3
    assert refusal(blue.run, f"{repository['pulp_href']}sync/", {}) == 403


def test_users_and_their_roles_with_the_pulp_command(platform):
    platform.pulp("user", "create", "--username", "green", "--password", PASSWORD)
    role = ("--username", "green", "--role", "file.filerepository_creator", "--object", "")
    platform.pulp("user", "role-assignment", "add", *role)
    green = Client(platform.facts.api, "green", PASSWORD)
    assert refusal(green.create, "repositories/file/file/", {"name": "green"}) == 200
    platform.pulp("user", "role-assignment", "remove", *role)
    # Each process of the API hears of it in a moment of its own.
    eventually(lambda: refusal(green.create, "repositories/file/file/", {"name": "greener"}) == 403)


def test_a_token_is_made_used_and_revoked(platform, tmp_path):
    where = ("--data-dir", str(platform.data_dir))
    text = pulp_actor(tmp_path, "token", "create", "admin", "robot", "--scope", "core.view_*", *where).stdout.strip()
    headers = {"Authorization": f"Bearer {text}"}
    assert requests.get(platform.url("groups/"), headers=headers, timeout=30).status_code == 200
    assert requests.post(platform.url("groups/"), headers=headers, json={"name": "g"}, timeout=30).status_code == 403
    listed = pulp_actor(tmp_path, "token", "list", "admin", *where).stdout.splitlines()
    assert any(line.split("\t")[1::3] == ["robot", "core.view_*"] for line in listed)
    assert "a token called robot" in pulp_actor(tmp_path, "token", "create", "admin", "robot", *where).stderr
    assert pulp_actor(tmp_path, "token", "revoke", "admin", "robot", *where).returncode == 0
    assert requests.get(platform.url("groups/"), headers=headers, timeout=30).status_code == 401
    assert pulp_actor(tmp_path, "token", "revoke", "admin", "robot", *where).returncode == 1


def test_headers_with_underscores_are_dropped_on_the_way(platform):
    for name in ("REMOTE_USER", "Remote_User", "REMOTE-USER", "Remote-User"):
        assert requests.get(platform.url("login/"), headers={name: "admin"}, timeout=30).status_code == 401
