"""Signing services with real keys, real gpg and real sq."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from actors.base import general_create
from pulp_actor.db import connected
from pulp_actor.errors import NotFound
from pulp_actor.models import Artifact, ContentArtifact, Publication, PublishedMetadata, SigningService
from pulp_actor.plugins.file.publishing import publish
from pulp_actor.settings import settings
from pulp_actor.signing import openpgp
from pulp_actor.signing.errors import SigningError
from pulp_actor.signing.services import CLASSES, add_service, remove_service, sign
from pulp_actor.storage import get_storage
from pulp_actor.storage.artifacts import store_artifact
from tests.integration.file.conftest import connection
from tests.integration.transfer.conftest import hold, repository
from tests.support.signing import SAY, SIGN, keys
from tests.support.transactions import open_transactions

__all__ = ["connection", "keys"]

(KLASS,) = CLASSES
@pytest.fixture
def script(tmp_path):
    def make(*lines, name="sign.sh"):
        path = tmp_path / name
        path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
        path.chmod(0o755)
        return str(path)
    return make


@pytest.fixture
def make_service(connection, keys, script):
    def make(*lines, backend="gpg", **options):
        home, fingerprint, key = keys[backend]
        path = script(*(lines or (SIGN[backend], SAY)))
        given = {"public_key": key if backend == "sq" else None, "home": str(home)} | options
        return add_service("service", path, fingerprint, klass=KLASS, backend=backend, **given)
    return make


@pytest.mark.parametrize("backend", openpgp.BACKENDS)
def test_a_service_signs(backend, make_service, tmp_path):
    service = make_service(backend=backend)
    signature = sign(service, "PULP_MANIFEST", b"data")
    assert b"BEGIN PGP SIGNATURE" in signature
    (tmp_path / "signed").write_bytes(b"other")
    (tmp_path / "sig").write_bytes(signature)
    with pytest.raises(SigningError, match="not good"):
        openpgp.check_signature(
            backend, service.public_key, service.pubkey_fingerprint, tmp_path / "signed", tmp_path / "sig")
    assert SigningService.get().public_key.startswith("-----BEGIN PGP PUBLIC KEY BLOCK")


@pytest.mark.parametrize(("lines", "reason"), [
    (["exit 3"], "exit code 3"), (["echo too bad >&2; exit 1"], "too bad"), (["echo hello"], "did not print a JSON object"),
    (['echo "[]"'], "did not print a JSON object"), (['echo "{\\"signature\\": \\"none\\"}"'], "that is not there"),
    (['echo "{\\"signature\\": \\"/etc/hostname\\"}"'], "that is not there"),
    (['echo nonsense > "$1.asc"', SAY], "not good"),
    ([SIGN["gpg"], 'echo more >> "$1"', SAY], "not good"),
    (['test -z "$PULP_TEST_SECRET" || exit 0; echo clean >&2; exit 1'], "clean"),
    (['cp "$1" b; echo x >> b; gpg --batch --armor --detach-sign -o "$1.asc" b', SAY], "not good"),
])
def test_scripts_that_make_no_good_signature(lines, reason, make_service, monkeypatch):
    monkeypatch.setenv("PULP_TEST_SECRET", "secret")
    with pytest.raises(SigningError, match=reason):
        make_service(*lines)
    assert SigningService.select().count() == 0


def test_a_script_that_does_not_end(make_service):
    with settings.override(SIGNING_TIMEOUT=1), pytest.raises(SigningError, match="did not end within 1 seconds"):
        make_service("sleep 100 & sleep 100")


def test_what_cannot_be_registered(make_service, keys, script):
    with pytest.raises(SigningError, match="not that of"):
        make_service(public_key=keys["sq"][2])
    for path, fingerprint, klass, reason in (
        ("/nothing", keys["gpg"][1], KLASS, "not an executable file"), (script("x"), "abc", KLASS, "not a fingerprint"),
        (script("x"), keys["gpg"][1], "deb:Other", "no class"), (script("x"), "0" * 40, KLASS, "knows no public key"),
    ):
        with pytest.raises(SigningError, match=reason):
            add_service("bad", path, fingerprint, klass=klass, home=str(keys["gpg"][0]))
    make_service()
    with pytest.raises(SigningError, match="there is a signing service"):
        make_service()
    remove_service("service", KLASS)
    with pytest.raises(NotFound):
        remove_service("service")


def test_a_publication_of_a_labelled_repository_is_signed(make_service, tmp_path):
    service = make_service()
    version = hold(repository("signed", pulp_labels={"signing-service": "service"}), {"a": b"a"})
    publication = publish(version.id)
    rows = dict(
        PublishedMetadata.select(PublishedMetadata.relative_path, Artifact.file)
        .join(ContentArtifact, on=ContentArtifact.content == PublishedMetadata.content).join(Artifact)
        .where(PublishedMetadata.publication == publication.id).tuples())
    assert rows.keys() == {"PULP_MANIFEST", "PULP_MANIFEST.asc"}
    for path, file in rows.items():
        (tmp_path / path).write_bytes(b"".join(get_storage().open(file)))
    openpgp.check_signature(
        "gpg", service.public_key, service.pubkey_fingerprint, tmp_path / "PULP_MANIFEST", tmp_path / "PULP_MANIFEST.asc")


def test_a_publication_that_cannot_be_signed_is_none(connection):
    version = hold(repository("unsigned", pulp_labels={"signing-service": "nobody"}), {"a": b"a"})
    with pytest.raises(SigningError, match="no signing service 'nobody'"):
        publish(version.id)
    assert Publication.select().count() == 0


def test_a_slow_script_keeps_no_transaction_open(make_service, tmp_path):
    """The script says that it has begun, and waits for leave to go on: by pipes, which wait for their other end."""
    service = make_service()
    begun, leave = tmp_path / "begun", tmp_path / "leave"
    for pipe in (begun, leave):
        os.mkfifo(pipe)
    slow = tmp_path / "slow.sh"
    slow.write_text(f"#!/bin/sh\necho > '{begun}'\nread -r _ < '{leave}'\n{SIGN['gpg']}\n{SAY}\n")
    slow.chmod(0o755)
    SigningService.update(script=str(slow)).execute()
    version = hold(repository("slow", pulp_labels={"signing-service": service.name}), {"a": b"a"})

    def make():
        with connected():
            return publish(version.id)

    with ThreadPoolExecutor(1) as others:
        publication = others.submit(make)
        begun.read_text()
        during = open_transactions(), Publication.select().count()
        leave.write_text("go on\n")
        assert PublishedMetadata.select().where(PublishedMetadata.publication == publication.result(30).id).count() == 2
    assert during == ([], 0)


def test_a_version_made_on_the_way_is_published_when_it_is_there(make_service, script):
    """A unit is uploaded into a repository that publishes itself, and whose script fails: the unit is there, and the task
    says why there is no publication."""
    make_service()
    SigningService.update(script=script("echo no ink >&2; exit 1", name="fails.sh")).execute()
    target = repository("auto", pulp_labels={"signing-service": "service"}, details={"autopublish": True})
    with get_storage().temporary() as file:
        file.write(b"data")
        artifact = store_artifact(file)
    data = {"artifact_id": str(artifact.id), "relative_path": "x", "repository_id": str(target.id)}
    with pytest.raises(SigningError, match="no ink"):
        general_create("content/file/files", data)
    assert target.latest_version().number == 1 and Publication.select().count() == 0
    SigningService.update(script=script(SIGN["gpg"], SAY, name="signs.sh")).execute()
    general_create("content/file/files", data | {"relative_path": "y"})
    assert Publication.get().repository_version_id == target.latest_version().id
