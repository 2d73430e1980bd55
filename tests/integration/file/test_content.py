"""Making units of file content from what a client brings."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from actors.upload import commit
from pulp_actor.db import connected
from pulp_actor.db.connection import in_transaction
from pulp_actor.errors import ValidationError
from pulp_actor.identifiers import href, registry
from pulp_actor.models import Artifact, Content, ContentArtifact, Upload, mutations
from pulp_actor.plugins.file.content import create_file_content
from pulp_actor.plugins.file.models import FileContent
from pulp_actor.storage import get_storage
from pulp_actor.storage.artifacts import store_artifact
from pulp_actor.storage.local import LocalStorage
from pulp_actor.storage.uploads import add_chunk
from pulp_actor.sync import DownloadError
from pulp_actor.versions import PathTaken
from tests.integration.file.conftest import paths
from tests.support.transactions import open_transactions
from tests.support.upstream import hangs


def artifact(data: bytes):
    file = get_storage().new_temporary()
    file.write(data)
    return store_artifact(file)


def test_unit_of_an_artifact(connection):
    unit = create_file_content(artifact(b"x"), "dir/x", pulp_labels={"a": "b"})
    assert (unit.digest, unit.relative_path) == (hashlib.sha256(b"x").hexdigest(), "dir/x")
    entry = ContentArtifact.get()
    assert (entry.content_id, entry.relative_path, entry.artifact.sha256) == (unit.content_id, "dir/x", unit.digest)
    assert Content.get().pulp_labels == {"a": "b"}
    assert href(unit) == f"/pulp/api/v3/content/file/files/{unit.content_id}/"


def test_same_unit_again_is_the_same_and_wanted_anew(connection):
    first = create_file_content(artifact(b"x"), "x")
    before = Content.get().timestamp_of_interest
    assert create_file_content(artifact(b"x"), "x").content_id == first.content_id
    assert Content.get().timestamp_of_interest > before
    assert Content.select().count() == 1


@pytest.mark.parametrize("path", ["../x", "/x", "a//x", "", "x\n", "a\0"])
def test_path_that_escapes(path, connection):
    with pytest.raises(ValidationError, match="relative_path"):
        create_file_content(artifact(b"x"), path)


def test_into_a_repository(make_repository, task):
    repository = make_repository()
    create_file_content(artifact(b"x"), "x", repository)
    assert paths(repository.latest_version()) == {"x"}
    assert task.created_resources[0][0].endswith("/versions/1/")
    create_file_content(artifact(b"other"), "x", repository)
    assert paths(repository.latest_version()) == {"x"}
    with pytest.raises(PathTaken):
        create_file_content(artifact(b"third"), "x", repository, overwrite=False)
    assert repository.latest_version().number == 2


def create(**data):
    return mutations.create(registry.by_path("content/file/files"), data)


def uploaded(data):
    upload = Upload.create(size=len(data))
    file = get_storage().new_temporary()
    file.write(data)
    add_chunk(upload, 0, file)
    return upload


def test_as_the_api_asks_for_it(make_repository, upstream, task):
    repository = make_repository()
    create(artifact_id=str(artifact(b"one").id), relative_path="one", repository_id=str(repository.id))
    create(upload_id=str(uploaded(b"two").id), relative_path="two", repository_id=str(repository.id))
    upstream.files["three"] = b"three"
    create(file_url=f"{upstream.url}three", relative_path="three", downloader_config={"headers": [{"X-A": "1"}]})
    assert paths(repository.latest_version()) == {"one", "two"}
    assert FileContent.get(FileContent.relative_path == "three").digest == hashlib.sha256(b"three").hexdigest()
    assert upstream.headers[0]["X-A"] == "1"


def test_source_that_is_not_there(connection, upstream):
    with pytest.raises(ValidationError, match="artifact"):
        create(artifact_id="00000000-0000-7000-8000-000000000000", relative_path="x")
    with pytest.raises(DownloadError, match="404"):
        create(file_url=f"{upstream.url}x", relative_path="x")
    with pytest.raises(ValidationError, match="artifact"):
        create(relative_path="x")
    assert FileContent.select().count() == 0


def test_an_upload_that_became_nothing_is_still_there(make_repository, task):
    repository = make_repository()
    create_file_content(artifact(b"x"), "x", repository)
    wanted = {"upload_id": str(uploaded(b"two").id), "relative_path": "x", "repository_id": str(repository.id)}
    with pytest.raises(PathTaken):
        create(**wanted, overwrite=False)
    create(**wanted)
    assert FileContent.select().where(FileContent.digest == hashlib.sha256(b"two").hexdigest()).exists()
    assert Upload.select().count() == 0
    assert not [path for path in (get_storage().root / "upload").rglob("*") if path.is_file()]


def test_a_slow_server_keeps_no_transaction_open(connection, upstream):
    """Neither row locks, nor a snapshot that keeps vacuum from its work."""
    answer, asked = upstream.event(), Event()
    inner = hangs(answer, b"slow")

    async def slow(request):
        asked.set()
        return await inner(request)

    upstream.handlers["slow"] = slow

    def make():
        with connected():
            return create(file_url=f"{upstream.url}slow", relative_path="slow")

    with ThreadPoolExecutor(1) as others:
        unit = others.submit(make)
        assert asked.wait(30)
        during = open_transactions()
        upstream.set(answer)
        assert unit.result(30).digest == hashlib.sha256(b"slow").hexdigest()
    assert during == []


@pytest.mark.parametrize("what", ["commit", "unit"])
def test_chunks_are_read_outside_of_transactions(what, connection, monkeypatch):
    upload, digest = uploaded(b"slow"), hashlib.sha256(b"slow").hexdigest()
    read, during = LocalStorage.open, []

    def noting(self, key, *span):
        during.append(in_transaction())
        return read(self, key, *span)

    monkeypatch.setattr(LocalStorage, "open", noting)
    if what == "commit":
        commit(str(upload.id), digest)
    else:
        create(upload_id=str(upload.id), relative_path="slow")
    assert during == [False]
    assert Artifact.get().sha256 == digest and not Upload.select().exists()
