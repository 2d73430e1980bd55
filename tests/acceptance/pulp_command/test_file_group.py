"""``pulp file``: every subcommand, but for those of roles and alternate content sources, which have tests of their own."""

import json

import pytest
import requests

from tests.support.origin import make_files, sha256
from tests.support.pulp_command import drives
from tests.support.workers.waiting import eventually

LABELLED = ["file remote", "file repository", "file distribution"]


def label_commands(kind):
    return [f"{kind} label {verb}" for verb in ("set", "show", "unset")]


@pytest.fixture
def synced(pulp, fresh, origin):
    """A repository with three files, mirrored from an origin; its name, and the files."""
    files, name = make_files(3, fresh("synced")), fresh("synced")
    pulp("file", "remote", "create", "--name", name, "--url", origin.publish(name, files))
    pulp("file", "repository", "create", "--name", name, "--remote", name)
    pulp("file", "repository", "sync", "--repository", name)
    return name, files


@drives("file remote create", "file remote show", "file remote list", "file remote update", "file remote destroy")
def test_a_remote(pulp, fresh):
    name = fresh("remote")
    made = pulp("file", "remote", "create", "--name", name, "--url", "http://127.0.0.1:9/PULP_MANIFEST",
                "--policy", "on_demand", "--username", "u", "--password", "p", "--rate-limit", "7", "--max-retries", "2",
                "--total-timeout", "3.5", "--tls-validation", "false", "--proxy-url", "http://127.0.0.1:9")
    assert (made["policy"], made["rate_limit"], made["max_retries"], made["total_timeout"]) == ("on_demand", 7, 2, 3.5)
    assert {one["name"] for one in made["hidden_fields"] if one["is_set"]} == {"username", "password"}
    pulp("file", "remote", "update", "--remote", name, "--policy", "streamed", "--rate-limit", "")
    shown = pulp("file", "remote", "show", "--remote", name)
    assert (shown["policy"], shown["rate_limit"], shown["tls_validation"]) == ("streamed", None, False)
    assert [one["name"] for one in pulp("file", "remote", "list", "--name-contains", name)] == [name]
    pulp("file", "remote", "destroy", "--remote", name)
    assert pulp("file", "remote", "list", "--name", name) == []


@drives("file repository create", "file repository show", "file repository list", "file repository update",
        "file repository destroy")
def test_a_repository(pulp, fresh):
    name = fresh("repository")
    made = pulp("file", "repository", "create", "--name", name, "--manifest", "LIST", "--autopublish",
                "--retain-repo-versions", "3", "--labels", '{"team": "a"}')
    assert (made["manifest"], made["autopublish"], made["retain_repo_versions"]) == ("LIST", True, 3)
    pulp("file", "repository", "update", "--repository", name, "--description", "changed", "--retain-repo-versions", "")
    shown = pulp("file", "repository", "show", "--repository", name)
    assert (shown["description"], shown["retain_repo_versions"], shown["pulp_labels"]) == ("changed", None, {"team": "a"})
    listed = pulp("file", "repository", "list", "--name-startswith", name, "--label-select", "team=a")
    assert [one["name"] for one in listed] == [name]
    pulp("file", "repository", "destroy", "--repository", name)
    assert "Could not find" in pulp.refused("file", "repository", "show", "--repository", name)


@drives("file repository sync", "file repository version list", "file repository version show", "file content list",
        "file repository version repair", "file repository version destroy", "file repository task list")
def test_a_sync_makes_a_version_that_can_be_repaired_and_destroyed(pulp, synced):
    name, files = synced
    numbers = [one["number"] for one in pulp("file", "repository", "version", "list", "--repository", name)]
    assert numbers == [1, 0]
    version = pulp("file", "repository", "version", "show", "--repository", name)
    assert version["content_summary"]["added"]["file.file"]["count"] == 3
    found = pulp("file", "content", "list", "--repository-version", version["pulp_href"], "--ordering", "relative_path")
    assert [(one["relative_path"], one["sha256"]) for one in found] == sorted((p, sha256(d)) for p, d in files.items())
    repaired = pulp("file", "repository", "version", "repair", "--repository", name, "--version", "1")
    assert (repaired["state"], repaired["result"]) == ("completed", None)  # there is one only of what stays broken
    pulp("file", "repository", "version", "destroy", "--repository", name, "--version", "1")
    assert pulp("file", "repository", "version", "show", "--repository", name)["number"] == 0
    tasks = pulp("file", "repository", "task", "list", "--repository", name)
    assert {one["name"].rpartition(".")[2] for one in tasks} >= {"synchronize", "repair_version", "delete_version"}


@drives("file publication create", "file publication list", "file publication show", "file publication destroy",
        "file distribution create", "file distribution list", "file distribution show", "file distribution update",
        "file distribution destroy")
def test_a_publication_is_distributed(pulp, synced):
    name, files = synced
    made = pulp("file", "publication", "create", "--repository", name, "--version", "1", "--manifest", "LIST")
    shown = pulp("file", "publication", "show", "--href", made["pulp_href"])
    assert (shown["manifest"], shown["repository_version"].endswith("/versions/1/")) == ("LIST", True)
    assert [one["pulp_href"] for one in pulp("file", "publication", "list", "--repository", name)] == [made["pulp_href"]]

    pulp("file", "distribution", "create", "--name", name, "--base-path", name, "--publication", made["pulp_href"])
    pulp("file", "distribution", "update", "--distribution", name, "--base-path", f"{name}/below")
    served = pulp("file", "distribution", "show", "--distribution", name)
    path, data = next(iter(files.items()))
    assert requests.get(f"{served['base_url']}{path}", timeout=30).content == data
    assert len(requests.get(f"{served['base_url']}LIST", timeout=30).text.splitlines()) == 3
    assert [one["base_path"] for one in pulp("file", "distribution", "list", "--name", name)] == [f"{name}/below"]
    pulp("file", "distribution", "destroy", "--distribution", name)
    # The content server hears of the change a moment after whoever made it.
    eventually(lambda: requests.get(f"{served['base_url']}{path}", timeout=30).status_code == 404)
    pulp("file", "publication", "destroy", "--href", made["pulp_href"])
    assert pulp("file", "publication", "list", "--repository", name) == []


@drives("file content upload", "file content show", "file content create", "file repository content add",
        "file repository content list", "file repository content remove", "file repository content modify")
def test_units_are_made_added_and_removed(pulp, fresh, tmp_path):
    name, data = fresh("units"), fresh("bytes").encode() * 1000
    (tmp_path / "unit").write_bytes(data)
    pulp("file", "repository", "create", "--name", name)
    uploaded = pulp("file", "content", "upload", "--relative-path", "in/chunks", "--file", str(tmp_path / "unit"),
                    "--chunk-size", "4kB")
    assert uploaded["sha256"] == sha256(data)
    again = pulp("file", "content", "create", "--relative-path", "from/artifact", "--sha256", sha256(data))
    assert again["artifact"] == uploaded["artifact"]
    unit = {"relative_path": "in/chunks", "sha256": sha256(data)}
    words = ("--sha256", unit["sha256"], "--relative-path", unit["relative_path"])
    assert pulp("file", "content", "show", *words)["pulp_href"] == uploaded["pulp_href"]

    def held():
        return {one["relative_path"] for one in pulp("file", "repository", "content", "list", "--repository", name)}

    pulp("file", "repository", "content", "add", "--repository", name, *words)
    assert held() == {"in/chunks"}
    other = {"relative_path": "from/artifact", "sha256": sha256(data)}
    pulp("file", "repository", "content", "modify", "--repository", name, "--add-content", json.dumps([other]),
         "--remove-content", json.dumps([unit]))
    assert held() == {"from/artifact"}
    pulp("file", "repository", "content", "remove", "--repository", name, "--all")
    assert held() == set()


@pytest.mark.parametrize("kind", [pytest.param(one, marks=drives(*label_commands(one))) for one in LABELLED])
def test_labels(pulp, fresh, kind):
    words, name = kind.split(), fresh("labels")
    more = {"file remote": ["--url", "http://127.0.0.1:9/"], "file distribution": ["--base-path", name]}.get(kind, [])
    pulp(*words, "create", "--name", name, *more)
    option = (f"--{words[1]}", name)
    pulp(*words, "label", "set", *option, "--key", "team", "--value", "a")
    assert pulp.run(*words, "label", "show", *option, "--key", "team").stdout.strip() == "a"
    pulp(*words, "label", "unset", *option, "--key", "team")
    assert pulp(*words, "show", *option)["pulp_labels"] == {}


@drives(*label_commands("file content"))
def test_labels_of_a_unit(pulp, fresh, tmp_path):
    (tmp_path / "unit").write_text(fresh("labelled"))
    unit = pulp("file", "content", "upload", "--relative-path", fresh("unit"), "--file", str(tmp_path / "unit"))
    href = ("--href", unit["pulp_href"])
    pulp("file", "content", "label", "set", *href, "--key", "team", "--value", "a")
    assert pulp.run("file", "content", "label", "show", *href, "--key", "team").stdout.strip() == "a"
    pulp("file", "content", "label", "unset", *href, "--key", "team")
    assert pulp("file", "content", "show", *href)["pulp_labels"] == {}


@drives("file acs create", "file acs show", "file acs list", "file acs update", "file acs path add", "file acs path remove",
        "file acs refresh", "file acs destroy", "task-group list", "task-group show")
def test_an_alternate_content_source(pulp, fresh, origin):
    name = fresh("source")
    url = origin.publish(name, make_files(2, name)).removesuffix("PULP_MANIFEST")
    pulp("file", "remote", "create", "--name", name, "--url", url, "--policy", "on_demand")
    pulp("file", "acs", "create", "--name", name, "--remote", name, "--path", "PULP_MANIFEST", "--path", "elsewhere")
    pulp("file", "acs", "path", "remove", "--acs", name, "--path", "elsewhere")
    pulp("file", "acs", "path", "add", "--acs", name, "--path", "here")
    assert sorted(pulp("file", "acs", "show", "--acs", name)["paths"]) == ["PULP_MANIFEST", "here"]
    pulp("file", "acs", "path", "remove", "--acs", name, "--path", "here")
    pulp("file", "acs", "update", "--acs", name, "--remote", name)
    pulp("file", "acs", "refresh", "--acs", name)
    groups = [one for one in pulp("task-group", "list", "--limit", "100") if name in one["description"]]
    assert pulp("task-group", "show", "--href", groups[0]["pulp_href"])["completed"] == 1
    assert pulp("file", "acs", "show", "--acs", name)["last_refreshed"]
    assert name in {one["name"] for one in pulp("file", "acs", "list")}
    pulp("file", "acs", "destroy", "--acs", name)
    assert name not in {one["name"] for one in pulp("file", "acs", "list")}


@drives("repository reclaim")
def test_space_is_reclaimed_and_files_come_back(pulp, platform, synced):
    name, files = synced
    unit = pulp("file", "content", "list", "--limit", "1", "--relative-path", next(iter(files)), "--repository-version",
                pulp("file", "repository", "version", "show", "--repository", name)["pulp_href"])[0]
    assert unit["artifact"]
    pulp("repository", "reclaim", "--repository", f"file:file:{name}")
    assert pulp("file", "content", "show", "--href", unit["pulp_href"])["artifact"] is None
    pulp("file", "distribution", "create", "--name", name, "--base-path", name, "--repository", f"file:file:{name}")
    assert platform.served_digest(f"{name}/{unit['relative_path']}") == unit["sha256"]
