"""Quotas over the API: the objects, and what a request beyond one is answered."""

import pytest

QUOTAS = "quotas/"


@pytest.fixture
def repository(api):
    return api.made("repositories/file/file/", {"name": "r"})


def test_a_quota_is_made_read_changed_and_deleted(api, repository):
    quota = api.made(QUOTAS, {"name": "team", "repository": repository["pulp_href"], "max_units": 5})
    assert list(quota) == [
        "pulp_href", "prn", "pulp_created", "pulp_last_updated", "name", "repository", "max_bytes", "max_units",
        "used_bytes", "used_units"]
    assert (quota["repository"], quota["max_bytes"], quota["used_units"]) == (repository["pulp_href"], None, 0)
    everything = api.made(QUOTAS, {"name": "all", "max_bytes": 2**40})
    assert api.get(QUOTAS, f"repository={repository['pulp_href']}").json["results"] == [quota]
    assert api.get(QUOTAS, "repository=null").json["results"] == [everything]
    assert api.patch(quota["pulp_href"], {"max_units": 6}).json["max_units"] == 6
    assert api.delete(quota["pulp_href"]).status_code == 204


@pytest.mark.parametrize(("body", "field"), [
    ({}, "non_field_errors"), ({"max_bytes": -1}, "max_bytes"), ({"max_units": "many"}, "max_units"),
    ({"max_bytes": 1, "name": "team"}, "name"), ({"max_bytes": 1, "repository": "nonsense"}, "repository"),
    ({"max_bytes": 2**63}, "max_bytes"), ({"max_bytes": 1, "used_bytes": 5}, "used_bytes"),
])
def test_what_is_wrong_is_named(api, body, field):
    api.made(QUOTAS, {"name": "team", "max_bytes": 1000})
    answer = api.post(QUOTAS, {"name": "other", **body})
    assert (answer.status_code, list(answer.json)) == (400, [field])


def test_an_upload_beyond_a_quota_is_refused_by_its_name(api):
    api.made(QUOTAS, {"name": "team", "max_bytes": 10})
    assert api.upload("artifacts/", {}, b"1234567890").status_code == 201
    answer = api.upload("artifacts/", {}, b"!")
    assert (answer.status_code, answer.json) == (507, {
        "detail": 'The quota "team" allows the domain "default" 10 bytes, and it would have 11.'})
    assert api.upload("content/file/files/upload/", {"relative_path": "x"}, b"?").status_code == 507
