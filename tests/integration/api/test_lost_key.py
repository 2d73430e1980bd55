"""The encryption key is lost, or is another one: what is not secret goes on working, and what is lost is named."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.fernet import Fernet

from pulp_actor.security.encryption import keyring

REMOTES = "remotes/file/file/"
SECRETS = {
    "username": "somebody", "password": "sesame", "proxy_url": "http://proxy.example:3128", "proxy_username": "p",
    "proxy_password": "q",
}


@pytest.fixture
def remote(api: Any) -> dict[str, Any]:
    return api.made(REMOTES, {"name": "r", "url": "http://example.org/", **SECRETS})


def test_with_another_key_everything_but_the_secrets_works(api: Any, remote: dict[str, Any]) -> None:
    keyring.path.write_bytes(Fernet.generate_key())
    assert api.get(REMOTES).json["results"] == [remote]
    assert api.get("remotes/", "ordering=name").json["count"] == 1
    assert {"name": "password", "is_set": True} in api.get(remote["pulp_href"]).json["hidden_fields"]
    assert api.get("tasks/").status_code == 200
    assert api.patch(remote["pulp_href"], {"url": "http://example.org/new/"}).status_code == 202
    assert api.get(remote["pulp_href"]).json["url"] == "http://example.org/new/"


def test_a_secret_that_is_needed_and_unreadable_is_reported_by_field(api: Any, remote: dict[str, Any]) -> None:
    keyring.path.write_bytes(Fernet.generate_key())
    refused = api.patch(remote["pulp_href"], {"proxy_username": None})
    assert refused.status_code == 400
    assert "not in the keyring" in refused.json["proxy_password"][0]


def test_a_secret_can_be_given_anew(api: Any, remote: dict[str, Any]) -> None:
    keyring.path.write_bytes(Fernet.generate_key())
    anew = api.patch(remote["pulp_href"], {"proxy_username": "p", "proxy_password": "q", "password": "sesame"})
    assert anew.status_code == 202
    assert api.get(anew.json["task"]).json["state"] == "completed"
    keyring.add_key()
    assert api.delete(remote["pulp_href"]).status_code == 202
    assert api.get(REMOTES).json["count"] == 0


def test_without_any_key_reads_work_and_what_needs_the_key_says_so(api: Any, remote: dict[str, Any]) -> None:
    keyring.path.unlink()
    assert api.get(REMOTES).json["results"] == [remote]
    made = api.post(REMOTES, {"name": "another", "url": "http://example.org/", "password": "x"})
    assert made.status_code == 503
    assert "encryption key" in made.json["detail"] and str(keyring.path) not in made.text
    assert api.get(REMOTES).json["count"] == 1
