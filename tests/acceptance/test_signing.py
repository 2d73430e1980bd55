"""From ``pulp-actor add-signing-service`` to a signature that a client can check."""

from __future__ import annotations

import requests

from pulp_actor.signing.openpgp import check_signature
from tests.support.platform import pulp_actor
from tests.support.signing import SAY, SIGN, keys

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
