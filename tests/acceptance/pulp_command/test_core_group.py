"""The ``pulp`` command's own groups: every subcommand, but for those of access control and of moving data between servers,
which have tests of their own."""

import datetime
import json

import pytest

from tests.support.certificates import certificate
from tests.support.origin import make_files, sha256
from tests.support.pulp_command import drives


@drives("status", "worker list", "worker show")
def test_who_is_there(pulp):
    status = pulp("status")
    assert {one["component"] for one in status["versions"]} >= {"core", "file", "certguard"}
    names = {one["name"] for one in pulp("worker", "list", "--online")}
    assert {one["name"] for one in status["online_workers"]} <= names
    assert pulp("worker", "show", "--name", min(names))["name"] == min(names)


@drives("config create", "config validate", "config edit")
def test_a_configuration_is_written_and_used(pulp, platform, tmp_path):
    facts, path = platform.facts, tmp_path / "cli.toml"
    pulp.run("config", "create", "--location", str(path), "--base-url", facts.api, "--username", facts.username,
             "--password", facts.password)
    assert pulp.run("config", "validate", "--location", str(path)).exit_code == 0
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nsed -i s/timeout.*/timeout=77/ "$1"\n')
    editor.chmod(0o755)
    assert pulp.run("config", "edit", "--location", str(path), EDITOR=str(editor)).exit_code == 0
    assert "timeout=77" in path.read_text()
    assert pulp("--config", str(path), "status")["database_connection"]["connected"]


@drives("show")
def test_anything_is_shown_by_its_href_and_its_prn(pulp, fresh):
    made = pulp("file", "repository", "create", "--name", fresh("shown"))
    assert pulp("show", "--href", made["pulp_href"]) == made
    assert pulp("show", "--prn", made["prn"]) == made


@drives("artifact upload", "artifact list", "artifact show")
def test_an_artifact(pulp, fresh, tmp_path):
    data = fresh("artifact").encode() * 500
    (tmp_path / "artifact").write_bytes(data)
    made = pulp("artifact", "upload", "--file", str(tmp_path / "artifact"), "--chunk-size", "3kB")
    assert (made["size"], made["sha256"]) == (len(data), sha256(data))
    assert [one["pulp_href"] for one in pulp("artifact", "list", "--sha256", sha256(data))] == [made["pulp_href"]]
    assert pulp("artifact", "show", "--sha256", sha256(data)) == made


@drives("upload list", "upload show", "upload destroy")
def test_an_upload_that_nobody_finishes(pulp, platform):
    made = platform.client.create("uploads/", {"size": 10})["pulp_href"]
    assert made in {one["pulp_href"] for one in pulp("upload", "list", "--limit", "1000")}
    assert pulp("upload", "show", "--href", made)["size"] == 10
    pulp("upload", "destroy", "--href", made)
    assert made not in {one["pulp_href"] for one in pulp("upload", "list", "--limit", "1000")}


@drives("content list", "repository list", "repository version list", "remote list", "publication list",
        "distribution list", "content-guard list")
def test_lists_over_all_types(pulp, fresh, tmp_path):
    name, path = fresh("lists"), tmp_path / "unit"
    path.write_text(name)
    guard = pulp("content-guard", "header", "create", "--name", name, "--header-name", "X", "--header-value", "1")
    remote = pulp("file", "remote", "create", "--name", name, "--url", "http://127.0.0.1:9/")
    repository = pulp("file", "repository", "create", "--name", name)
    unit = pulp("file", "content", "upload", "--relative-path", name, "--file", str(path), "--repository", name)
    publication = pulp("file", "publication", "create", "--repository", name)
    pulp("file", "distribution", "create", "--name", name, "--base-path", name, "--content-guard", f"core:header:{name}")
    newest = ("--ordering", "-pulp_created", "--limit", "100")

    def found(*words):
        return [one["pulp_href"] for one in pulp(*words)]

    assert unit["pulp_href"] in found("content", "list", "--limit", "100")
    assert found("repository", "list", "--name", name) == [repository["pulp_href"]]
    assert found("remote", "list", "--name", name) == [remote["pulp_href"]]
    assert found("content-guard", "list", "--name", name) == [guard["pulp_href"]]
    assert publication["pulp_href"] in found("publication", "list", *newest)
    assert [one["name"] for one in pulp("distribution", "list", "--base-path", name)] == [name]
    versions = found("repository", "version", "list", "--content", json.dumps([unit["pulp_href"]]))
    assert versions == [f"{repository['versions_href']}1/"]


#: Guard -> what one is made with, and what of it is changed.
GUARDS = {
    "composite": ([], ["--description", "changed"]),
    "header": (["--header-name", "X-A", "--header-value", "a", "--jq-filter", ".a"], ["--header-value", "b"]),
    "rbac": ([], ["--description", "changed"]),
    "redirect": ([], ["--description", "changed"]),
    "rhsm": (["--ca-certificate", certificate()], ["--description", "changed"]),
    "x509": (["--ca-certificate", certificate()], ["--description", "changed"]),
}


@pytest.mark.parametrize("kind", [
    pytest.param(kind, marks=drives(*[
        f"content-guard {kind} {verb}" for verb in ("create", "list", "show", "update", "destroy")]))
    for kind in GUARDS])
def test_a_content_guard(pulp, fresh, kind):
    name, (making, changing) = fresh(kind), GUARDS[kind]
    made = pulp("content-guard", kind, "create", "--name", name, *making)
    assert pulp("content-guard", kind, "show", "--name", name) == made
    pulp("content-guard", kind, "update", "--name", name, *changing)
    field, value = changing[0].removeprefix("--").replace("-", "_"), changing[1]
    assert pulp("content-guard", kind, "show", "--name", name)[field] == value
    assert [one["name"] for one in pulp("content-guard", kind, "list", "--name", name)] == [name]
    pulp("content-guard", kind, "destroy", "--name", name)
    assert pulp("content-guard", kind, "list", "--name", name) == []


@drives("task list", "task show", "task summary", "task cancel", "task destroy")
def test_a_task_is_watched_cancelled_and_forgotten(pulp, fresh, origin):
    name, files = fresh("task"), make_files(1, "task")
    held = origin.hold(f"/{name}/PULP_MANIFEST")
    pulp("file", "remote", "create", "--name", name, "--url", origin.publish(name, files))
    pulp("file", "repository", "create", "--name", name, "--remote", name)
    pulp("--background", "file", "repository", "sync", "--repository", name)
    assert held.arrived.wait(30)
    href = pulp("file", "repository", "task", "list", "--repository", name, "--state", "running")[0]["pulp_href"]
    assert pulp("task", "summary")["running"] >= 1
    pulp("task", "cancel", "--href", href)
    assert pulp("task", "show", "--href", href)["state"] == "canceled"
    assert href in {one["pulp_href"] for one in pulp("task", "list", "--state", "canceled", "--limit", "100")}
    pulp("task", "destroy", "--href", href)
    assert pulp.run("task", "show", "--href", href).exit_code != 0


@drives("task purge")
def test_ended_tasks_are_purged(pulp, fresh):
    name = fresh("purged")
    pulp("file", "repository", "create", "--name", name)
    pulp("file", "repository", "update", "--repository", name, "--description", "changed")
    (href,) = [one["pulp_href"] for one in pulp("file", "repository", "task", "list", "--repository", name)]
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    pulp("task", "purge", "--finished-before", now, "--state", "completed")
    assert pulp.run("task", "show", "--href", href).exit_code != 0


@drives("task profile-artifact-urls")
def test_the_profile_of_a_task_is_offered_for_download(pulp, platform, fresh):
    """The command has no option that asks for a profile; a client sends the header."""
    made = pulp("file", "repository", "create", "--name", fresh("profiled"))
    answer = platform.session.post(
        platform.url(made["pulp_href"] + "modify/"), json={}, headers={"X-Task-Diagnostics": "memory"}, timeout=30)
    task = platform.client.wait(answer.json()["task"])
    said = pulp("task", "profile-artifact-urls", "--href", task["pulp_href"])
    assert list(said) == ["memory"]
    assert platform.session.get(said["memory"], timeout=30).status_code == 200


@drives("orphan cleanup")
def test_orphans_are_cleaned_up(pulp, fresh, tmp_path):
    (tmp_path / "orphan").write_text(fresh("orphan"))
    unit = pulp("file", "content", "upload", "--relative-path", fresh("orphan"), "--file", str(tmp_path / "orphan"))
    done = pulp("orphan", "cleanup", "--content-hrefs", json.dumps([unit["pulp_href"]]), "--protection-time", "0")
    assert done["state"] == "completed"
    assert pulp.run("file", "content", "show", "--href", unit["pulp_href"]).exit_code != 0


@drives("vulnerability-report list")
def test_vulnerability_reports(pulp):
    assert pulp("vulnerability-report", "list") == []


@drives("user create", "user show", "user list", "user update", "user destroy", "group create", "group show",
        "group list", "group user add", "group user list", "group user remove", "group destroy")
def test_users_and_groups(pulp, fresh):
    user, group = fresh("user"), fresh("group")
    pulp("user", "create", "--username", user, "--password", "a long pass phrase", "--email", "ada@example.org")
    pulp("user", "update", "--username", user, "--first-name", "Ada", "--inactive")
    shown = pulp("user", "show", "--username", user)
    assert (shown["first_name"], shown["is_active"], shown["email"]) == ("Ada", False, "ada@example.org")
    assert user in {one["username"] for one in pulp("user", "list", "--limit", "1000")}
    pulp("group", "create", "--name", group)
    pulp("group", "user", "add", "--group", group, "--username", user)
    assert [one["username"] for one in pulp("group", "user", "list", "--group", group)] == [user]
    pulp("group", "user", "remove", "--group", group, "--username", user)
    assert pulp("group", "user", "list", "--group", group) == []
    assert group in {one["name"] for one in pulp("group", "list", "--limit", "1000")}
    assert pulp("group", "show", "--name", group)["name"] == group
    pulp("group", "destroy", "--name", group)
    pulp("user", "destroy", "--username", user)
    assert pulp.run("user", "show", "--username", user).exit_code != 0


@drives("debug has-plugin", "debug has-cli-plugin", "debug openapi spec", "debug openapi info", "debug openapi operation",
        "debug openapi operation-ids", "debug openapi schema", "debug openapi schema-names",
        "debug openapi security-schemes", "debug openapi call")
def test_what_the_server_says_of_itself(pulp):
    assert pulp("debug", "has-plugin", "--name", "file", "--specifier", ">=3.100") is True
    assert pulp.run("debug", "has-plugin", "--name", "nothing").exit_code != 0
    assert pulp("debug", "has-cli-plugin", "--name", "file") is True
    assert pulp("debug", "openapi", "spec")["openapi"].startswith("3.")
    assert pulp("debug", "openapi", "info")["title"] == "Pulp 3 API"
    assert "tasks_list" in pulp("debug", "openapi", "operation-ids")
    assert pulp("debug", "openapi", "operation", "--id", "tasks_list")
    assert "StatusResponse" in pulp("debug", "openapi", "schema-names")
    assert "properties" in pulp("debug", "openapi", "schema", "--name", "StatusResponse")
    assert "basicAuth" in pulp("debug", "openapi", "security-schemes")
    assert "versions" in pulp("debug", "openapi", "call", "--id", "status_read")
