"""Keys in keyrings: taken apart as gpg sees them, shown, carried to another platform; and what is no key is refused."""

from __future__ import annotations

import shutil

import pytest

from pulp_actor.identifiers import registry
from pulp_actor.models import Artifact, Content, ContentArtifact, Exporter, Importer, Repository, mutations
from pulp_actor.models.openpgp import OpenPGPPublicKey, OpenPGPPublicSubkey, OpenPGPSignature, OpenPGPUserID
from pulp_actor.models.resources import PUBLIC_KEY
from pulp_actor.signing import keys as storing  # noqa: F401  (says how a key is made)
from pulp_actor.signing.errors import SigningError
from pulp_actor.signing.packets import parse_certificate
from pulp_actor.storage import get_storage
from pulp_actor.storage.artifacts import store_artifact
from pulp_actor.transfer.exporting import ExportedVersion, export_archive
from pulp_actor.transfer.importing import import_archive
from tests.integration.transfer.conftest import connection, elsewhere, shelf
from tests.support.signing import keys, run

__all__ = ["connection", "elsewhere", "keys", "shelf"]


def keyring(name):
    return mutations.create(registry.by_path("repositories/core/openpgp_keyring"), {"name": name})


def upload(data, **columns):
    file = get_storage().new_temporary()
    file.write(data)
    return mutations.create(PUBLIC_KEY, {"artifact_id": str(store_artifact(file).id), **columns})


@pytest.fixture(params=["gpg", "sq"])
def public_key(request, keys):
    """(fingerprint, armored certificate)"""
    _, fingerprint, armored = keys[request.param]
    return fingerprint, armored.encode()


def test_a_key_is_taken_apart_as_gpg_does(public_key, tmp_path):
    fingerprint, armored = public_key
    (tmp_path / "key").write_bytes(armored)
    listed = run("gpg", "--homedir", str(tmp_path), "--show-keys", "--with-colons", str(tmp_path / "key"))
    lines = [line.split(":") for line in listed.splitlines()]
    found = parse_certificate(armored)
    assert found.fingerprint == fingerprint
    assert [part.name for part in found.parts if part.tag in (6, 14)] == [one[9] for one in lines if one[0] == "fpr"]
    assert [part.name for part in found.parts if part.tag == 13] == [one[9] for one in lines if one[0] == "uid"]
    assert [str(int(part.created.timestamp())) for part in found.parts if part.tag in (6, 14)] == [
        one[5] for one in lines if one[0] in ("pub", "sub")]
    binary = tmp_path / "key.bin"
    run("gpg", "--homedir", str(tmp_path), "--dearmor", "--output", str(binary), str(tmp_path / "key"))
    assert parse_certificate(binary.read_bytes()) == found
    assert parse_certificate(found.armored) == found


def test_a_key_and_its_parts_are_units_of_a_keyring(connection, public_key):
    fingerprint, armored = public_key
    target = keyring("keys")
    key = upload(armored, repository_id=str(target.id), pulp_labels={"a": "b"})
    assert (key.fingerprint, Content.get_by_id(key.content_id).pulp_labels) == (fingerprint, {"a": "b"})
    present = target.latest_version().content_summary["present"]
    assert present["core.openpgp_publickey"] == present["core.openpgp_userid"] == 1
    assert present["core.openpgp_signature"] == OpenPGPSignature.select().count() >= 1
    assert OpenPGPSignature.select().where(OpenPGPSignature.issuer == fingerprint[-16:]).count() >= 1
    assert OpenPGPUserID.get().user_id == "test@example.org"
    entry = ContentArtifact.get(ContentArtifact.content == key.content_id)
    assert entry.relative_path == f"{fingerprint}.asc" and entry.artifact.sha256 == key.digest
    again = upload(armored, repository_id=str(target.id))
    assert again.content_id == key.content_id and target.latest_version().number == 1
    assert Content.select().count() == sum(present.values())


def test_a_newer_form_of_a_key_takes_its_place(connection, keys, tmp_path):
    """A subkey is added with gpg; the keyring then holds the key once."""
    home, fingerprint, armored = keys["gpg"]
    copy = tmp_path / "home"
    shutil.copytree(home, copy, ignore=shutil.ignore_patterns("S.*"))
    target = keyring("keys")
    old = upload(armored.encode(), repository_id=str(target.id))
    secret = run("gpg", "--homedir", str(home), "--batch", "--passphrase", "", "--quick-add-key", fingerprint, "cv25519",
                 "encr", "0")
    assert secret == ""
    newer = run("gpg", "--homedir", str(home), "--armor", "--export", fingerprint)
    new = upload(newer.encode(), repository_id=str(target.id))
    assert new.content_id != old.content_id and OpenPGPPublicSubkey.select().count() == 1
    present = target.latest_version().content_summary["present"]
    assert present["core.openpgp_publickey"] == 1 and OpenPGPPublicKey.select().count() == 2


@pytest.mark.parametrize(("data", "reason"), [
    (b"", "not a public OpenPGP key"), (b"hello", "does not begin as it should"), (b"\xff" * 50, "not a public OpenPGP key"),
    (b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n!!!\n-----END PGP PUBLIC KEY BLOCK-----", "armor is damaged"),
    (b"\xc6\x06\x09\0\0\0\0\x01", "version 9"), (b"\xc6\x7f\x04", "cut short"), (b"x" * 2_000_000, "at most"),
    (b"\xcd\x01a", "not a public OpenPGP key"), (b"\xc5\x06\x04\0\0\0\0\x01", "private key"),
])
def test_what_is_no_public_key(data, reason):
    with pytest.raises(SigningError, match=reason):
        parse_certificate(data)


def test_damaged_keys_are_refused_and_never_crash(public_key):
    raw = parse_certificate(public_key[1]).armored
    refused = 0
    for at in range(0, len(raw), 7):
        try:
            parse_certificate(raw[:at] + b"A" + raw[at + 1:])
        except SigningError:
            refused += 1
    assert refused > 10  # a damaged number makes another key, a damaged length or head none


def test_two_keys_at_once(keys, tmp_path):
    (tmp_path / "key").write_text(keys["gpg"][2])
    binary = run("gpg", "--homedir", str(tmp_path), "--dearmor", "--output", str(tmp_path / "bin"), str(tmp_path / "key"))
    assert binary == ""
    with pytest.raises(SigningError, match="more than one key"):
        parse_certificate((tmp_path / "bin").read_bytes() * 2)


def test_a_keyring_is_carried_elsewhere(connection, shelf, elsewhere, public_key):
    fingerprint, armored = public_key
    target = keyring("keys")
    upload(armored, repository_id=str(target.id))
    before = target.latest_version().content_summary["present"]
    exporter = Exporter.create(type="core.pulp", name="keys", path=str(shelf))
    made = export_archive(exporter, [ExportedVersion(target.latest_version())], {})
    elsewhere()
    (path,) = made.output["output_file_info"]
    import_archive(Importer.create(name="keys"), {"path": path, "create_repositories": True})
    assert Repository.get().latest_version().content_summary["present"] == before
    key = OpenPGPPublicKey.get()
    assert key.fingerprint == fingerprint and Artifact.select().count() == 1
    assert OpenPGPUserID.get().public_key_id == key.content_id
    on_user_id = OpenPGPSignature.select().where(OpenPGPSignature.signed_content == OpenPGPUserID.get().content_id)
    assert on_user_id.count() >= 1
