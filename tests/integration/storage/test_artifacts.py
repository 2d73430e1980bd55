"""Temporary files become artifacts, and artifacts go, on a real database."""

import contextlib
import hashlib

import pytest

from pulp_actor.db import connected, transaction
from pulp_actor.models import Artifact, Content, ContentArtifact
from pulp_actor.storage import get_storage
from pulp_actor.storage.artifacts import remove_artifacts, remove_files, store_artifact, store_artifacts


def temporary(data: bytes):
    file = get_storage().new_temporary()
    file.write(data)
    return file


def test_bytes_become_an_artifact_that_is_named_by_their_digest(database):
    file = temporary(b"hello")
    artifact = store_artifact(file)
    sha256 = hashlib.sha256(b"hello").hexdigest()
    assert (artifact.sha256, artifact.size) == (sha256, 5)
    assert artifact.file == f"artifact/{sha256[:2]}/{sha256[2:]}"
    assert b"".join(get_storage().open(artifact.file)) == b"hello"
    assert not file.path.exists()
    with connected():
        assert Artifact.get(Artifact.sha256 == sha256).id == artifact.id


def test_equal_bytes_are_stored_once_and_touched(database):
    first = store_artifact(temporary(b"twice"))
    second, third = store_artifacts([temporary(b"twice"), temporary(b"twice")])
    assert first.id == second.id == third.id
    assert second.timestamp_of_interest > first.timestamp_of_interest


def test_a_batch_comes_back_in_order(database):
    data = [b"%d" % number for number in range(100)]
    artifacts = store_artifacts([temporary(each) for each in data])
    assert [artifact.sha256 for artifact in artifacts] == [hashlib.sha256(each).hexdigest() for each in data]


def test_a_transaction_that_rolls_back_leaves_no_row(database):
    with contextlib.suppress(RuntimeError), transaction():
        artifact = store_artifact(temporary(b"undone"))
        raise RuntimeError
    with connected():
        assert not Artifact.select().where(Artifact.id == artifact.id).exists()
    remove_files([artifact.file])
    assert not get_storage().exists(artifact.file)


def test_removing_an_artifact_removes_its_file(database):
    artifact = store_artifact(temporary(b"goes"))
    assert remove_artifacts([artifact.id]) == 4
    assert not get_storage().exists(artifact.file)


def test_a_file_that_has_a_row_is_not_removed(database):
    artifact = store_artifact(temporary(b"stays"))
    remove_files([artifact.file])
    assert get_storage().exists(artifact.file)


def test_an_artifact_in_use_is_not_removed(database):
    from peewee import IntegrityError

    artifact = store_artifact(temporary(b"in use"))
    with connected():
        content = Content.create(type="test.test")
        ContentArtifact.create(content=content, artifact=artifact, relative_path="a")
    with pytest.raises(IntegrityError):
        remove_artifacts([artifact.id])
    assert get_storage().exists(artifact.file)


def test_a_domain_has_a_store_of_its_own(database, tmp_path):
    import json

    from pulp_actor.models import Domain

    with connected():
        plain = Domain.create(name="plain")
        placed = Domain.create(
            name="placed", storage_settings=json.dumps({"MEDIA_ROOT": str(tmp_path / "there")}),
            redirect_to_object_storage=False,
        )
    artifacts = []
    for domain in (None, plain.id, placed.id):
        with get_storage(domain).temporary() as file:
            file.write(b"shared by nobody")
            artifacts.append(store_artifact(file, domain))
    assert len({artifact.id for artifact in artifacts}) == 3
    paths = {str(get_storage(domain).local_path(artifacts[0].file)) for domain in (None, plain.id, placed.id)}
    assert len(paths) == 3 and any(path.startswith(str(tmp_path / "there")) for path in paths)
    assert not get_storage(placed.id).redirects
    remove_artifacts([artifacts[1].id])
    assert get_storage().exists(artifacts[0].file) and not get_storage(plain.id).exists(artifacts[1].file)
