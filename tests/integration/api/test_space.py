"""Repair, reclaiming and pruning over the API: which task comes of which request, and what is refused."""

import pytest

ABSENT = "/pulp/api/v3/repositories/file/file/01999999-0000-7000-8000-000000000000/"


@pytest.fixture
def repository(api):
    return api.made("repositories/file/file/", {"name": "r"})


def key(href):
    return href.rstrip("/").rpartition("/")[2]


@pytest.mark.parametrize(("path", "body", "name"), [
    ("repair/", {}, "pulpcore.app.tasks.repository.repair_all_artifacts"),
    ("repair/", {"verify_checksums": False}, "pulpcore.app.tasks.repository.repair_all_artifacts"),
    ("datarepair/7272/", {"dry_run": True}, "pulpcore.app.tasks.datarepair.repair_7272"),
    ("repositories/reclaim_space/", {"repo_hrefs": ["*"]}, "pulpcore.app.tasks.reclaim_space.reclaim_space"),
    ("repositories/prune/", {"repo_hrefs": ["*"], "keep_days": 30}, "pulp_actor.tasks.space.prune"),
])
def test_each_is_a_task(api, repository, path, body, name):
    answer = api.post(path, body)
    assert answer.status_code == 202, answer.text
    task = api.get(answer.json["task"]).json
    assert task["name"] == name
    assert task["reserved_resources_record"] == ([repository["prn"]] if "repo_hrefs" in body else ["repair"])


def test_repositories_are_named_by_href_or_prn(api, repository):
    for name in ("pulp_href", "prn"):
        body = {"repo_hrefs": [repository[name]], "repo_versions_keeplist": [repository["latest_version_href"]]}
        assert api.post("repositories/reclaim_space/", body).status_code == 202


@pytest.mark.parametrize(("path", "body", "field"), [
    ("repair/", {"verify_checksums": "perhaps"}, "verify_checksums"),
    ("repositories/reclaim_space/", {}, "repo_hrefs"),
    ("repositories/reclaim_space/", {"repo_hrefs": []}, "repo_hrefs"),
    ("repositories/reclaim_space/", {"repo_hrefs": [ABSENT]}, "repo_hrefs"),
    ("repositories/reclaim_space/", {"repo_hrefs": [{}]}, "repo_hrefs"),
    ("repositories/reclaim_space/", {"repo_hrefs": ["*"], "repo_versions_keeplist": [ABSENT]}, "repo_versions_keeplist"),
    ("repositories/prune/", {"repo_hrefs": ["*"]}, "non_field_errors"),
    ("repositories/prune/", {"repo_hrefs": ["*"], "keep_days": -1}, "keep_days"),
    ("repositories/copy/", {"source": ABSENT}, "source"),
    ("repositories/copy/", {}, "destination"),
])
def test_what_is_wrong_is_named(api, path, body, field):
    answer = api.post(path, body)
    assert (answer.status_code, next(iter(answer.json))) == (400, field)


def test_copying_names_a_repository_or_a_version_of_the_same_type(api, repository):
    other = api.made("repositories/file/file/", {"name": "other"})
    for source in ({"source": other["prn"]}, {"source_version": other["latest_version_href"]}):
        answer = api.post("repositories/copy/", {**source, "destination": repository["pulp_href"]})
        assert answer.status_code == 202, answer.text
        locks = api.get(answer.json["task"]).json["reserved_resources_record"]
        assert locks == [repository["prn"], f"shared:{other['prn']}"]
    both = {"source": other["prn"], "source_version": other["latest_version_href"], "destination": repository["prn"]}
    assert "non_field_errors" in api.post("repositories/copy/", both).json
    keyring = api.made("repositories/core/openpgp_keyring/", {"name": "keys"})
    answer = api.post("repositories/copy/", {"source": keyring["pulp_href"], "destination": repository["pulp_href"]})
    assert list(answer.json) == ["destination"]
