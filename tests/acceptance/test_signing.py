"""From ``pulp-actor add-signing-service`` to a signature that a client can check."""

from __future__ import annotations

import requests

from pulp_actor.signing.openpgp import check_signature
from tests.support.platform import pulp_actor
from tests.support.signing import SAY, SIGN, keys, run

__all__ = ["keys"]


def test_a_signing_service(platform, keys, tmp_path):
    home, fingerprint, key = keys["gpg"]
    script = tmp_path / "sign.sh"
    script.write_text(f"#!/bin/sh\n{SIGN['gpg']}\n{SAY}\n")
    script.chmod(0o755)

    def command(*arguments):
        return pulp_actor(platform.directory, *arguments, DATA_DIR=str(platform.data_dir))

    made = command("add-signing-service", "release", str(script), fingerprint, "--home", str(home))
    assert made.returncode == 0, made.stderr
    again = command("add-signing-service", "release", str(script), fingerprint, "--home", str(home))
    assert again.returncode == 1 and "there is a signing service 'release' already" in again.stderr
    client = platform.client
    service = client.find("signing-services/", name="release")
    assert (service["pubkey_fingerprint"], service["public_key"].strip()) == (fingerprint, key.strip())
    assert platform.pulp("signing-service", "list")[0]["name"] == "release"

    repository = client.create("repositories/file/file/", {"name": "signed", "pulp_labels": {"signing-service": "release"}})
    client.create("publications/file/file/", {"repository": repository["pulp_href"]})
    client.create("distributions/file/file/", {
        "name": "signed", "base_path": "signed", "repository": repository["pulp_href"]})
    for name in ("PULP_MANIFEST", "PULP_MANIFEST.asc"):
        (tmp_path / name).write_bytes(requests.get(platform.content_url(f"signed/{name}"), timeout=30).content)
    check_signature(
        "gpg", service["public_key"], fingerprint, tmp_path / "PULP_MANIFEST", tmp_path / "PULP_MANIFEST.asc")
    assert command("remove-signing-service", "release").returncode == 0
    assert client.find("signing-services/", name="release") is None


def test_a_keyring(platform, keys, tmp_path):
    """Upload a public key, distribute the keyring, and have gpg import what is served."""
    _, fingerprint, key = keys["gpg"]
    client = platform.client
    repository = client.create("repositories/core/openpgp_keyring/", {"name": "keys"})
    answer = platform.session.post(
        platform.url("content/core/openpgp_publickey/"), data={"repository": repository["pulp_href"]},
        files={"file": key.encode()}, timeout=30)
    client.wait(answer.json()["task"])
    shown = client.find("content/core/openpgp_publickey/", fingerprint=fingerprint)
    assert [one["user_id"] for one in shown["user_ids"]] == ["test@example.org"]
    signature = shown["user_ids"][0]["signatures"][0]
    assert (signature["issuer"], signature["expired"]) == (fingerprint[-16:], False)
    version = client.get(repository["pulp_href"])["latest_version_href"]
    part = client.find("content/core/openpgp_userid/", repository_version=version)
    assert part["public_key"] == shown["pulp_href"]
    signed = client.find("content/core/openpgp_signature/", repository_version=version, issuer=fingerprint[-16:])
    assert signed["signed_content"] in (part["pulp_href"], shown["pulp_href"])
    client.create("distributions/core/openpgp/", {
        "name": "keys", "base_path": "keys", "repository": repository["pulp_href"]})
    served = requests.get(platform.content_url(f"keys/{fingerprint}.asc"), timeout=30)
    (tmp_path / "key.asc").write_bytes(served.content)
    run("gpg", "--homedir", str(tmp_path), "--batch", "--no-autostart", "--import", str(tmp_path / "key.asc"))
    assert fingerprint in run("gpg", "--homedir", str(tmp_path), "--list-keys", "--with-colons")
    bad = platform.session.post(
        platform.url("content/core/openpgp_publickey/"), files={"file": b"no key"}, timeout=30)
    task = client.get(bad.json()["task"])
    while task["state"] in ("waiting", "running"):
        task = client.get(task["pulp_href"])
    assert task["state"] == "failed" and "not a public OpenPGP key" in task["error"]["description"]
