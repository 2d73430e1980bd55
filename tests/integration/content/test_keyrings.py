"""A keyring as one file, as real clients take it."""

from __future__ import annotations

import asyncio

import pytest

from content.service import load_hooks
from pulp_actor.identifiers import registry
from pulp_actor.models import mutations
from pulp_actor.models.resources import PUBLIC_KEY
from pulp_actor.storage import get_storage
from pulp_actor.versions import new_version
from tests.support.content import artifact, content_server, distribute
from tests.support.signing import keys, run

__all__ = ["keys"]


@pytest.fixture
def keyring(connection, keys):
    """A keyring with two keys, distributed at ``keys``."""
    load_hooks()
    found = mutations.create(registry.by_path("repositories/core/openpgp_keyring"), {"name": "keys"})
    distribution = distribute("keys", repository=found)
    distribution.type = "core.openpgp"
    distribution.save()
    for _, _, armored in keys.values():
        mutations.create(PUBLIC_KEY, {"artifact_id": str(artifact(armored.encode()).id), "repository_id": str(found.id)})
    return found


def imported(data, home):
    """The fingerprints of the keys that gpg finds in a file."""
    home.mkdir(mode=0o700)
    (home / "file").write_bytes(data)
    listed = run("gpg", "--homedir", str(home), "--show-keys", "--with-colons", str(home / "file")).splitlines()
    primary = [number for number, line in enumerate(listed) if line.startswith("pub:")]
    return {listed[number + 1].split(":")[9] for number in primary}


@pytest.mark.parametrize("name", ["keyring.gpg", "keyring.asc"])
async def test_the_whole_keyring(name, keyring, keys, tmp_path):
    async with content_server() as client:
        answer = await client.get(f"keys/{name}")
        assert answer.status == 200
        assert imported(answer.body, tmp_path / "home") == {fingerprint for _, fingerprint, _ in keys.values()}
        assert answer.body.startswith(b"-----BEGIN PGP") == name.endswith(".asc")
        assert (await client.get(f"keys/{name}", headers={"If-None-Match": answer.headers["ETag"]})).status == 304
        assert (await client.head(f"keys/{name}")).headers["Content-Length"] == str(len(answer.body))
        part = await client.get(f"keys/{name}", headers={"Range": "bytes=3-12"})
        assert (part.status, part.body) == (206, answer.body[3:13])


async def test_a_signature_is_checked_with_it(keyring, keys, tmp_path):
    home = keys["gpg"][0]
    signed, signature, downloaded, empty = (tmp_path / name for name in ("signed", "signature", "keyring.gpg", "home"))
    signed.write_bytes(b"data")
    empty.mkdir(mode=0o700)
    run("gpg", "--homedir", str(home), "--batch", "--detach-sign", "--output", str(signature), str(signed))
    async with content_server() as client:
        downloaded.write_bytes((await client.get("keys/keyring.gpg")).body)
    run("gpg", "--homedir", str(empty), "--no-default-keyring", "--keyring", str(downloaded), "--trust-model", "always",
        "--verify", str(signature), str(signed))


async def answers(client, status):
    """The body of the keyring's answer, once it has that status: the server hears of changes a moment after them."""
    async with asyncio.timeout(20):
        while (answer := await client.get("keys/keyring.gpg")).status != status:
            await asyncio.sleep(0.02)
    return answer.body


async def test_a_new_version_is_another_file(keyring, keys, tmp_path):
    async with content_server() as client:
        before = (await client.get("keys/keyring.gpg")).body
        with new_version(keyring) as version:
            version.remove_all()
        await answers(client, 404)
        key = mutations.create(
            PUBLIC_KEY, {"artifact_id": str(artifact(keys["sq"][2].encode()).id), "repository_id": str(keyring.id)})
        after = await answers(client, 200)
    assert after != before
    assert imported(after, tmp_path / "home") == {key.fingerprint} == {keys["sq"][1]}


async def test_nothing_else_has_one(keyring):
    distribute("files", repository=keyring)
    async with content_server() as client:
        assert (await client.get("files/keyring.gpg")).status == 404
        assert (await client.get("keys/sub/keyring.gpg")).status == 404


async def test_a_key_whose_bytes_are_missing(keyring):
    root = get_storage().root
    for path in [path for path in (root / "artifact").rglob("*") if path.is_file()]:
        path.unlink()
    async with content_server() as client:
        assert (await client.get("keys/keyring.gpg")).status == 502
