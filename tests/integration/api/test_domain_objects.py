"""Domains as objects: made, changed and deleted; with a store and secrets of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from pulp_actor.db import connected, database
from pulp_actor.models import Domain
from pulp_actor.security.encryption import keyring
from pulp_actor.settings import settings

DOMAINS = "/pulp/default/api/v3/domains/"
LOCAL, S3 = "pulpcore.app.models.storage.FileSystem", "storages.backends.s3boto3.S3Boto3Storage"
BUCKET = {"bucket_name": "b", "access_key": "AKIASECRETKEY", "secret_key": "very secret", "region_name": "eu-central-1"}


@pytest.fixture(autouse=True)
def domains_on(api: Any) -> Iterator[None]:
    with settings.override(DOMAIN_ENABLED=True):
        yield


@pytest.fixture
def team(api: Any) -> dict[str, Any]:
    return api.made(DOMAINS, {"name": "team", "storage_class": LOCAL, "storage_settings": {}})


def ended(api: Any, answer: Any) -> dict[str, Any]:
    assert answer.status_code == 202, answer.text
    return api.get(answer.json["task"]).json


def test_a_domain_is_made_used_and_deleted(api: Any, team: dict[str, Any]) -> None:
    assert team["pulp_href"].startswith(DOMAINS) and team["storage_class"] == LOCAL
    remote = api.made("/pulp/team/api/v3/remotes/file/file/", {"name": "r", "url": "http://example.org/"})
    full = api.delete(team["pulp_href"])
    assert full.status_code == 400 and "remote" in full.json["non_field_errors"][0]
    assert ended(api, api.delete(remote["pulp_href"]))["state"] == "completed"
    assert ended(api, api.delete(team["pulp_href"]))["state"] == "completed"
    assert api.get("/pulp/team/api/v3/remotes/").status_code == 404
    with connected():
        assert database.execute_sql("SELECT count(*) FROM task WHERE domain_id <> %s", (
            "00000000-0000-7000-8000-000000000001",)).fetchone()[0] == 0


@pytest.mark.parametrize("name", ["api", "content", "Console", "default", "a/b", "a b", "", "x" * 51, None])
def test_names_that_lead_elsewhere_are_refused(api: Any, name: Any) -> None:
    refused = api.post(DOMAINS, {"name": name, "storage_class": LOCAL, "storage_settings": {}})
    assert refused.status_code == 400 and "name" in refused.json


def test_the_default_domain_stays_what_it_is(api: Any) -> None:
    default = api.get(DOMAINS, "name=default").json["results"][0]
    assert api.delete(default["pulp_href"]).status_code == 400
    for field, value in (("name", "other"), ("storage_class", S3), ("storage_settings", {"location": "/elsewhere"})):
        refused = api.patch(default["pulp_href"], {field: value})
        assert refused.status_code == 400 and field in refused.json
    again = {name: default[name] for name in ("name", "storage_class", "storage_settings")}
    assert api.put(default["pulp_href"], again | {"description": "Everybody's"}).status_code == 202
    assert api.get(default["pulp_href"]).json["description"] == "Everybody's"


def test_secrets_of_a_store_are_never_shown_and_stay_when_they_are_not_named(api: Any) -> None:
    made = api.post(DOMAINS, {"name": "cloud", "storage_class": S3, "storage_settings": BUCKET})
    assert made.status_code == 201
    shown = made.json["storage_settings"]
    assert (shown["bucket_name"], shown["region_name"]) == ("b", "eu-central-1")
    assert {"name": "secret_key", "is_set": True} in shown["hidden_fields"]
    for answer in (made, api.get(made.json["pulp_href"]), api.get(DOMAINS)):
        assert "very secret" not in answer.text and "AKIASECRETKEY" not in answer.text
    assert api.patch(made.json["pulp_href"], {"storage_settings": shown | {"addressing_style": "path"}}).status_code == 202
    with connected():
        held = Domain.get(Domain.name == "cloud").storage_settings
    assert '"very secret"' in held and "hidden_fields" not in held and '"addressing_style": "path"' in held


def test_settings_that_cannot_work_are_refused_by_field_without_their_secrets(api: Any) -> None:
    wrong = BUCKET | {"no_such_setting": "very secret"}
    refused = api.post(DOMAINS, {"name": "wrong", "storage_class": S3, "storage_settings": wrong})
    assert refused.status_code == 400 and "storage_settings" in refused.json
    assert "very secret" not in refused.text


def test_settings_that_no_key_opens_are_reported_and_the_list_works(api: Any, team: dict[str, Any]) -> None:
    api.made(DOMAINS, {"name": "cloud", "storage_class": S3, "storage_settings": BUCKET})
    keyring.path.write_bytes(Fernet.generate_key())
    results = {one["name"]: one for one in api.get(DOMAINS).json["results"]}
    assert "not in the keyring" in results["cloud"]["storage_settings"]["unreadable"]
    assert api.get("/pulp/cloud/api/v3/repositories/").json["count"] == 0


def test_a_domain_with_files_moves_by_migrate_only(api: Any, team: dict[str, Any], tmp_path: Path) -> None:
    artifact = api.upload("/pulp/team/api/v3/artifacts/", {}, b"bytes of the team")
    assert artifact.status_code == 201
    refused = api.patch(team["pulp_href"], {"storage_settings": {"location": str(tmp_path / "elsewhere")}})
    assert refused.status_code == 400 and "migrate" in refused.json["storage_settings"][0]
    assert api.patch(team["pulp_href"], {"description": "still changes"}).status_code == 202
    stored = list((settings.data_dir / "domains").rglob("*"))
    assert sum(path.is_file() for path in stored) == 1


def test_a_new_distribution_has_the_guard_of_its_domain(api: Any, team: dict[str, Any]) -> None:
    guards = "contentguards/core/rbac/"
    own = api.made(f"/pulp/team/api/v3/{guards}", {"name": "g"})
    foreign = api.made(f"/pulp/default/api/v3/{guards}", {"name": "g"})
    for reference in (foreign["pulp_href"], foreign["prn"]):
        refused = api.patch(team["pulp_href"], {"default_content_guard": reference})
        assert refused.status_code == 400 and "default_content_guard" in refused.json
    ended(api, api.patch(team["pulp_href"], {"default_content_guard": own["pulp_href"]}))
    shown = api.get(team["pulp_href"]).json
    assert (shown["default_content_guard"], shown["default_content_guard_prn"]) == (own["pulp_href"], own["prn"])
    distributions = "/pulp/team/api/v3/distributions/file/file/"
    guarded = api.made(distributions, {"name": "a", "base_path": "a"})
    opened = api.made(distributions, {"name": "b", "base_path": "b", "content_guard": None})
    assert (guarded["content_guard"], opened["content_guard"]) == (own["pulp_href"], None)
    assert guarded["base_url"].endswith("/pulp/content/team/a/")


def test_with_domains_off_none_can_be_made(api: Any) -> None:
    with settings.override(DOMAIN_ENABLED=False):
        refused = api.post("domains/", {"name": "n", "storage_class": LOCAL, "storage_settings": {}})
    assert refused.status_code == 400 and "switched off" in refused.json["non_field_errors"][0]
