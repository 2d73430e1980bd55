"""A domain moves to another store, with everybody at work."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from actors.domains import move, remove_old_files
from pulp_actor.db import connected
from pulp_actor.domains import DomainKey, in_domain
from pulp_actor.models import Artifact, Domain, Upload
from pulp_actor.plugins import load_plugins
from pulp_actor.queue import load_actors, platform_broker
from pulp_actor.queue.models import Task
from pulp_actor.settings import settings
from pulp_actor.storage import StorageError, forget_stores, get_storage
from pulp_actor.storage.artifacts import store_artifact
from pulp_actor.storage.moving import Move, remove_from
from pulp_actor.storage.uploads import add_chunk, assemble
from tests.support import s3

FILES = 12


@pytest.fixture
def domain(database: Any, tmp_path: Path) -> Iterator[DomainKey]:
    """A domain with some files on local disk."""
    load_plugins()
    load_actors()
    with connected(), settings.override(DOMAIN_ENABLED=True):
        row = Domain.create(name="team", storage_settings=json.dumps({"location": str(tmp_path / "old")}))
        with in_domain(DomainKey(row.id, "team")) as domain:
            for number in range(FILES):
                stored(f"file {number}")
            yield domain
    forget_stores()


def stored(text: str) -> Artifact:
    with get_storage().temporary() as file:
        file.write(text.encode())
        return store_artifact(file)


def files_below(directory: Path) -> set[Path]:
    return {path for path in directory.rglob("*") if path.is_file()}


def read_all() -> list[bytes]:
    return sorted(b"".join(get_storage().open(artifact.file)) for artifact in Artifact.select())


@pytest.mark.slow
def test_from_local_disk_to_s3(domain: DomainKey, tmp_path: Path) -> None:
    if s3.available() is None:
        assert not os.environ.get("CI"), "CI has the S3 server"
        pytest.skip("the S3 server is not installed")
    upload = Upload.create(size=10)
    with get_storage().temporary() as chunk:
        chunk.write(b"0123456789")
        add_chunk(upload, 0, chunk)
    before = read_all()
    with s3.s3_server(tmp_path / "s3") as storage:
        given = {name: value for name, value in storage.items() if name != "class"}
        assert move("s3", given) == {"files": FILES + 1}
        forget_stores()
        assert get_storage().local_path("x") is None
        assert read_all() == before
        assert "testsecret" in Domain.get_by_id(domain.id).storage_settings
        after = stored("stored after the move")
        assert get_storage().exists(after.file)
        assert len(files_below(tmp_path / "old")) == FILES + 1
        waiting = Task.get(Task.actor == "pulp_actor.tasks.domains.remove_old_files")
        assert waiting.eta is not None and "location" not in waiting.message
        message = json.loads(platform_broker().codec.decode(waiting.message))
        assert remove_old_files(**message["kwargs"]) == {"files": FILES + 2}
        assert files_below(tmp_path / "old") == set()
        assert read_all() == sorted([*before, b"stored after the move"])
        assert assemble(upload).size == 10


def test_a_move_that_breaks_off_leaves_everything_where_it_was_and_goes_on_later(domain: DomainKey, tmp_path: Path) -> None:
    artifact = list(Artifact.select().order_by(Artifact.file))[-1]
    path = get_storage().local_path(artifact.file)
    assert path is not None
    good = path.read_bytes()
    path.write_bytes(b"damaged on disk")
    given = {"location": str(tmp_path / "new")}
    with pytest.raises(StorageError, match="damaged in the old store"):
        move("local", given)
    assert "old" in Domain.get_by_id(domain.id).storage_settings
    copied = {one: one.stat().st_mtime_ns for one in files_below(tmp_path / "new")}
    assert len(copied) == FILES - 1
    path.write_bytes(good)
    assert move("local", given) == {"files": FILES}
    forget_stores()
    assert len(read_all()) == FILES
    assert all(one.stat().st_mtime_ns == time for one, time in copied.items())


def test_what_is_stored_while_files_are_copied_comes_along(domain: DomainKey, tmp_path: Path) -> None:
    found = Move(domain.id, "local", {"location": str(tmp_path / "new")})
    assert sum(found.copy()) == FILES
    late = stored("stored meanwhile")
    found.switch()
    # This process has not heard of the move yet: it reads nothing wrong, and writes to the new store already.
    later = stored("stored before the news came")
    assert len(files_below(tmp_path / "new")) == FILES + 2
    assert len(files_below(tmp_path / "old")) == FILES + 1
    assert get_storage().exists(late.file) and get_storage().exists(later.file)


def test_a_move_to_where_the_files_are_copies_and_deletes_nothing(domain: DomainKey, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "old")
    assert move("local", {"location": str(tmp_path / "link")}) == {"files": 0}
    forget_stores()
    assert len(read_all()) == FILES
    assert not Task.select().where(Task.actor == "pulp_actor.tasks.domains.remove_old_files").exists()


def test_old_files_stay_if_the_domain_has_come_back(domain: DomainKey, tmp_path: Path) -> None:
    old, new = {"location": str(tmp_path / "old")}, {"location": str(tmp_path / "new")}
    move("local", new)
    move("local", old)
    assert sum(remove_from(domain.id, "local", old)) == 0
    forget_stores()
    assert len(read_all()) == FILES


def test_two_domains_in_one_place_do_not_share_files(domain: DomainKey, tmp_path: Path) -> None:
    other = Domain.create(name="other", storage_settings=json.dumps({"location": str(tmp_path / "old")}))
    with in_domain(DomainKey(other.id, "other")):
        twin = stored("file 1")
    assert len(files_below(tmp_path / "old")) == FILES + 1
    get_storage(other.id).delete(twin.file)
    assert get_storage(domain.id).exists(twin.file)


def test_a_store_that_cannot_be_written_is_told_before_anything_is_copied(domain: DomainKey, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a directory")
    with pytest.raises(StorageError):
        move("local", {"location": str(tmp_path / "file")})
    assert len(read_all()) == FILES
