"""What a user does with the ``pulp`` command, on real processes."""

import json

import requests

from tests.support.names import fresh
from tests.support.origin import make_files, sha256


def make_repository(platform, url, policy="immediate"):
    name = fresh("repository")
    platform.pulp("file", "remote", "create", "--name", name, "--url", url, "--policy", policy)
    platform.pulp("file", "repository", "create", "--name", name, "--remote", name)
    return name


def serve(platform, name):
    """Publish a repository's latest version and distribute the publication. Returns the base path."""
    publication = platform.pulp("file", "publication", "create", "--repository", name)
    platform.pulp("file", "distribution", "create", "--name", name, "--base-path", f"served/{name}",
                  "--publication", publication["pulp_href"])
    return f"served/{name}"


def test_status_names_the_components_and_who_is_online(platform):
    status = platform.pulp("status")
    versions = {each["component"]: each["version"] for each in status["versions"]}
    assert {"core", "file", "certguard", "actor"} <= versions.keys()
    assert status["database_connection"]["connected"]
    assert len(status["online_workers"]) == 2
    assert status["online_content_apps"]


def test_the_command_that_is_installed_is_the_one_that_these_tests_call(platform):
    name = fresh("process")
    made = platform.pulp_process("file", "repository", "create", "--name", name)
    assert (made.returncode, json.loads(made.stdout)["name"]) == (0, name)
    changed = platform.pulp_process("file", "repository", "update", "--repository", name, "--description", "changed")
    assert changed.returncode == 0, changed.stderr
    assert platform.pulp("file", "repository", "show", "--repository", name)["description"] == "changed"
    refused = platform.pulp_process("file", "repository", "create", "--name", name)
    assert refused.returncode == 1 and "unique" in refused.stderr


def test_a_repository_is_mirrored_published_distributed_and_downloaded(platform, origin):
    files = make_files(25, "journey")
    name = make_repository(platform, origin.publish("journey", files))
    platform.pulp("file", "repository", "sync", "--repository", name)
    version = platform.pulp("file", "repository", "version", "show", "--repository", name)
    assert version["number"] == 1
    assert version["content_summary"]["present"]["file.file"]["count"] == 25
    base_path = serve(platform, name)
    for path, data in files.items():
        assert platform.served_digest(f"{base_path}/{path}") == sha256(data)
    manifest = requests.get(platform.content_url(f"{base_path}/PULP_MANIFEST"), timeout=30).text
    assert sorted(manifest.splitlines()) == sorted(f"{path},{sha256(data)},{len(data)}" for path, data in files.items())


def test_files_on_demand_come_when_they_are_asked_for(platform, origin):
    files = make_files(5, "lazy")
    name = make_repository(platform, origin.publish("lazy", files), policy="on_demand")
    platform.pulp("file", "repository", "sync", "--repository", name)
    path, data = next(iter(files.items()))
    assert origin.requests[f"/lazy/{path}"] == 0
    base_path = serve(platform, name)
    assert platform.served_digest(f"{base_path}/{path}") == sha256(data)
    assert platform.served_digest(f"{base_path}/{path}") == sha256(data)
    assert origin.requests[f"/lazy/{path}"] == 1
    assert sum(origin.requests[f"/lazy/{other}"] for other in files) == 1


def test_a_second_sync_of_an_unchanged_repository_makes_no_version(platform, origin):
    name = make_repository(platform, origin.publish("same", make_files(3, "same")))
    platform.pulp("file", "repository", "sync", "--repository", name)
    platform.pulp("file", "repository", "sync", "--repository", name)
    assert platform.pulp("file", "repository", "version", "show", "--repository", name)["number"] == 1


def test_a_mirroring_sync_drops_what_has_gone_upstream(platform, origin):
    files = make_files(4, "shrinking")
    name = make_repository(platform, origin.publish("shrinking", files))
    platform.pulp("file", "repository", "sync", "--repository", name)
    files.popitem()
    origin.publish("shrinking", files)
    platform.pulp("file", "repository", "sync", "--repository", name, "--mirror")
    content = platform.pulp("file", "repository", "content", "list", "--repository", name)
    assert {unit["relative_path"] for unit in content} == files.keys()


def test_a_file_is_uploaded_and_its_bytes_are_served(platform, tmp_path):
    name = fresh("uploads")
    platform.pulp("file", "repository", "create", "--name", name)
    (tmp_path / "notes.txt").write_bytes(b"written by hand")
    unit = platform.pulp("file", "content", "upload", "--file", str(tmp_path / "notes.txt"),
                         "--relative-path", "docs/notes.txt", "--repository", name)
    assert unit["sha256"] == sha256(b"written by hand")
    assert platform.served_digest(f"{serve(platform, name)}/docs/notes.txt") == sha256(b"written by hand")


def test_content_is_added_and_removed_and_each_change_is_a_version(platform, tmp_path):
    name = fresh("modified")
    platform.pulp("file", "repository", "create", "--name", name)
    for word in ("one", "two"):
        (tmp_path / word).write_text(fresh(word))
        unit = platform.pulp("file", "content", "upload", "--file", str(tmp_path / word), "--relative-path", word)
        platform.pulp("file", "repository", "content", "add", "--repository", name, "--sha256", unit["sha256"],
                      "--relative-path", word)
    platform.pulp("file", "repository", "content", "remove", "--repository", name, "--sha256", unit["sha256"],
                  "--relative-path", "two")
    versions = platform.pulp("file", "repository", "version", "list", "--repository", name)
    assert [version["number"] for version in versions] == [3, 2, 1, 0]
    present = {version["number"]: version["content_summary"]["present"] for version in versions}
    assert [present[number].get("file.file", {}).get("count", 0) for number in range(4)] == [0, 1, 2, 1]
    at_2 = platform.pulp("file", "repository", "content", "list", "--repository", name, "--version", "2")
    assert {unit["relative_path"] for unit in at_2} == {"one", "two"}


def test_a_running_sync_is_cancelled_and_leaves_the_repository_as_it_was(platform, origin):
    files = make_files(3, "cancelled")
    held = origin.hold(f"/cancelled/{list(files)[1]}")
    name = make_repository(platform, origin.publish("cancelled", files))
    platform.pulp("--background", "file", "repository", "sync", "--repository", name)
    assert held.arrived.wait(30)
    task = platform.pulp("task", "list", "--state", "running", "--name-contains", "synchronize", "--limit", "1")[0]
    platform.pulp("task", "cancel", "--href", task["pulp_href"])
    ended = platform.client.get(task["pulp_href"])
    assert ended["state"] == "canceled"
    assert platform.pulp("file", "repository", "version", "show", "--repository", name)["number"] == 0


def test_a_waiting_task_is_cancelled_at_once(platform, origin):
    files = make_files(1, "queue")
    held = origin.hold("/queue/PULP_MANIFEST")
    name = make_repository(platform, origin.publish("queue", files))
    for _ in range(2):
        platform.pulp("--background", "file", "repository", "sync", "--repository", name)
    assert held.arrived.wait(30)
    waiting = platform.pulp("task", "list", "--state", "waiting", "--limit", "1")[0]
    platform.pulp("task", "cancel", "--href", waiting["pulp_href"])
    assert platform.client.get(waiting["pulp_href"])["state"] == "canceled"
    held.open()


def test_what_was_made_can_be_listed_shown_and_destroyed(platform, origin):
    name = make_repository(platform, origin.publish("short-lived", make_files(1, "short")))
    assert name in {each["name"] for each in platform.pulp("file", "repository", "list", "--limit", "1000")}
    assert platform.pulp("file", "remote", "show", "--name", name)["url"].endswith("/short-lived/PULP_MANIFEST")
    platform.pulp("file", "repository", "update", "--name", name, "--description", "for a moment")
    assert platform.pulp("file", "repository", "show", "--name", name)["description"] == "for a moment"
    platform.pulp("file", "repository", "destroy", "--name", name)
    platform.pulp("file", "remote", "destroy", "--name", name)
    assert name not in {each["name"] for each in platform.pulp("file", "repository", "list", "--limit", "1000")}
    assert name not in {each["name"] for each in platform.pulp("file", "remote", "list", "--limit", "1000")}


def test_a_sync_from_a_remote_that_answers_404_names_the_url(platform, origin):
    name = make_repository(platform, f"{origin.url}/nothing/PULP_MANIFEST")
    said = platform.pulp("file", "repository", "sync", "--repository", name, fails=True)
    assert f"{origin.url}/nothing/PULP_MANIFEST" in said
    assert "404" in said


def test_files_come_from_an_alternate_content_source_where_it_has_them(platform, origin):
    files = make_files(6, "near-and-far")
    near = dict(list(files.items())[:4])
    far = make_repository(platform, origin.publish("far", files))
    origin.publish("near/files", near)
    source = fresh("source")
    platform.pulp("file", "remote", "create", "--name", source, "--url", f"{origin.url}/near/", "--policy", "on_demand")
    platform.pulp("file", "acs", "create", "--name", source, "--remote", source, "--path", "files/PULP_MANIFEST")
    platform.pulp("file", "acs", "refresh", "--acs", source)
    assert platform.pulp("file", "acs", "show", "--acs", source)["last_refreshed"]
    platform.pulp("file", "repository", "sync", "--repository", far)
    assert [path for path in files if origin.requests[f"/near/files/{path}"]] == list(near)
    assert [path for path in files if origin.requests[f"/far/{path}"]] == list(files)[4:]
    platform.pulp("file", "acs", "path", "remove", "--acs", source, "--path", "files/PULP_MANIFEST")
    platform.pulp("file", "acs", "destroy", "--acs", source)
