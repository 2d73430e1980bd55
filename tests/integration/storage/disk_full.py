"""Runs in a mount namespace of its own, as `test_disk_full` starts it: does everything that writes bytes on a disk with too
little room left, more and more of it until it is enough; after each failure again with enough. Says what came of each."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp

from actors.base import general_create
from actors.space import reclaim_space
from actors.upload import commit
from api.app import make_app
from content.service import load_hooks
from pulp_actor.db import configure, connected, database
from pulp_actor.models import (
    Artifact,
    Content,
    Export,
    Exporter,
    Importer,
    Publication,
    Remote,
    Repository,
    RepositoryVersion,
    Upload,
    User,
)
from pulp_actor.plugins import load_plugins
from pulp_actor.plugins.file.actors import publish, synchronize
from pulp_actor.security.encryption import keyring
from pulp_actor.settings import settings
from pulp_actor.storage import StorageFull, get_storage
from pulp_actor.storage.base import temporary_directory
from pulp_actor.storage.uploads import add_chunk
from pulp_actor.sync.repair import repair
from pulp_actor.transfer.exporting import ExportedVersion, export_archive
from pulp_actor.transfer.filesystem import export_files
from pulp_actor.transfer.importing import import_archive
from tests.integration.api.conftest import PASSWORD_HASH, Client
from tests.integration.transfer.conftest import hold, repository
from tests.support.content import content_server, distribute, until

#: KiB that are left on the disk: nothing, half a file, one and a half, and as much as an archive seems to need but does not.
ROOMS = (0, 4, 12, 52, 16384)
KIB = 1024
FILES = {f"file-{number}": bytes([number]) * 8 * KIB for number in range(6)}
LARGE = os.urandom(100 * KIB)
TABLES = "content, artifact, repository, remote, upload, exporter, importer, distribution"


class Job(NamedTuple):
    """One thing that writes. ``attempt`` raises, or answers, when it fails; ``seen``: what users see of it."""

    attempt: Callable[[], Any]
    seen: Callable[[], Any]


class World:
    """The disk, and what is not on it: an origin, a shelf of archives."""

    def __init__(self, disk: Path, elsewhere: Path) -> None:
        self.disk, self.data, self.shelf = disk, disk / "data", disk / "shelf"
        self.origin, self.archives = elsewhere / "origin", elsewhere / "archives"
        for folder in (self.origin, self.archives):
            folder.mkdir()
        for path, data in {**FILES, "large": LARGE}.items():
            (self.origin / path).write_bytes(data)
        lines = [f"{path},{hashlib.sha256(data).hexdigest()},{len(data)}\n" for path, data in FILES.items()]
        (self.origin / "PULP_MANIFEST").write_text("".join(lines))
        self.app = make_app()

    def remote(self, policy: str = "immediate") -> Remote:
        return Remote.create(
            type="file.file", name=f"remote {uuid.uuid4()}", url=f"file://{self.origin}/PULP_MANIFEST", policy=policy)

    def synced(self, policy: str = "immediate") -> tuple[Remote, Repository]:
        remote, target = self.remote(policy), repository(f"repository {uuid.uuid4()}")
        synchronize(str(remote.id), str(target.id))
        return remote, target


def api(world: World, *arguments: Any, **options: Any) -> None:
    """Raises StorageFull, with the answer, if the API says that there is no room."""
    with ThreadPoolExecutor(1) as requests:  # a request has a connection of its own
        answer = requests.submit(Client(world.app).upload, *arguments, **options).result()
    if answer.status_code == 507:
        raise StorageFull(answer.json["detail"])
    assert answer.status_code in (200, 201, 202), answer.text


def upload_artifact(world: World) -> Job:
    return Job(partial(api, world, "artifacts/", {}, FILES["file-1"]), Artifact.select().count)


def upload_chunks(world: World) -> Job:
    upload = Upload.create(size=3 * 8 * KIB)

    def put() -> None:
        for number in range(3):
            first = number * 8 * KIB
            header = {"Content-Range": f"bytes {first}-{first + 8 * KIB - 1}/{upload.size}"}
            api(world, f"uploads/{upload.id}/", {}, FILES[f"file-{number}"], method="PUT", headers=header)

    return Job(put, lambda: None)


def commit_upload(world: World) -> Job:
    upload = Upload.create(size=3 * 8 * KIB)
    for number in range(3):
        with get_storage().temporary() as file:
            file.write(FILES[f"file-{number}"])
            add_chunk(upload, number * 8 * KIB, file)
    digest = hashlib.sha256(b"".join(FILES[f"file-{number}"] for number in range(3))).hexdigest()
    return Job(lambda: commit(str(upload.id), digest), lambda: [Artifact.select().count(), Upload.select().count()])


def upload_content(world: World) -> Job:
    fields = {"relative_path": "file-1"}
    return Job(partial(api, world, "content/file/files/upload/", fields, FILES["file-1"]), Content.select().count)


def create_content_from_url(world: World) -> Job:
    target = repository("from url")
    data = {"relative_path": "large", "file_url": f"file://{world.origin}/large", "repository_id": str(target.id)}
    return Job(lambda: general_create("content/file/files", data), lambda: [Content.select().count(), versions(target)])


def sync(world: World) -> Job:
    remote, target = world.remote(), repository("synced")
    return Job(lambda: synchronize(str(remote.id), str(target.id)), lambda: versions(target))


def publishing(world: World) -> Job:
    version = hold(repository("published"), FILES)
    return Job(lambda: publish(str(version.id)), Publication.select().count)


def exporting(world: World) -> Job:
    version = hold(repository("exported"), FILES)
    exporter = Exporter.create(type="core.pulp", name="shelf", path=str(world.shelf))
    return Job(
        lambda: export_archive(exporter, [ExportedVersion(version)], {"chunk_size": "10KB"}),
        lambda: [Export.select().count(), len(list(world.shelf.glob("*")))])


def exporting_files(world: World) -> Job:
    version = hold(repository("exported"), FILES)
    exporter = Exporter.create(type="core.filesystem", name="folder", path=str(world.shelf), details={"method": "write"})

    def seen() -> int:
        """How many exports there are; whatever file is there is whole."""
        for path in world.shelf.iterdir():
            assert path.read_bytes() == FILES[path.name], path
        return Export.select().count()

    return Job(lambda: export_files(exporter, ExportedVersion(version), None, {}), seen)


def importing(world: World) -> Job:
    exporter = Exporter.create(type="core.pulp", name="shelf", path=str(world.archives))
    made = export_archive(exporter, [ExportedVersion(hold(repository("imported"), FILES))], {})
    assert made is not None
    (path,) = made.output["output_file_info"]
    database.execute_sql(f"TRUNCATE {TABLES} CASCADE")
    shutil.rmtree(world.data / "media")
    importer = Importer.create(name="importer")
    return Job(
        lambda: import_archive(importer, {"path": path, "create_repositories": True}), RepositoryVersion.select().count)


def repairing(world: World) -> Job:
    _, target = world.synced()
    first, second, third = list(Artifact.select().order_by(Artifact.sha256))[:3]
    storage = get_storage()
    for artifact in (first, second):
        storage.delete(artifact.file)
    storage.local_path(third.file).write_bytes(b"damaged")
    return Job(lambda: repair(target.latest_version()), lambda: None)


def fetching_again(world: World) -> Job:
    remote, target = world.synced()
    reclaim_space([str(target.id)])
    assert Artifact.select().count() == 0
    return Job(lambda: synchronize(str(remote.id), str(target.id), optimize=False), lambda: versions(target))


def serving(world: World, wanted: str, **columns: Any) -> Job:
    distribute("disk", **columns)

    def attempt() -> None:
        load_hooks()
        if not asyncio.run(served(wanted)):
            raise StorageFull("the client was told, or its bytes were not saved")

    return Job(attempt, lambda: None)


async def served(wanted: str) -> bool:
    """Whether a client gets the right bytes and they are saved. Never gets wrong ones with a good status."""
    expected = LARGE if wanted == "large" else FILES[wanted]
    async with content_server() as client:
        try:
            answer = await client.get(f"disk/{wanted}")
        except aiohttp.ClientError:  # broken off
            return False
        assert answer.status in (200, 507), (answer.status, answer.body)
        assert answer.status == 507 or answer.body == expected
        await until(lambda: all(one.task is None or one.task.done() for one in client.server.downloads._running.values()))
        return answer.status == 200 and Artifact.select().where(
            Artifact.sha256 == hashlib.sha256(expected).hexdigest()).exists()


def on_demand(world: World) -> Job:
    return serving(world, "file-3", repository=world.synced("on_demand")[1])


def pull_through(world: World) -> Job:
    return serving(world, "large", remote=world.remote("on_demand"))


JOBS = (
    upload_artifact, upload_chunks, commit_upload, upload_content, create_content_from_url, sync, publishing, exporting,
    exporting_files, importing, repairing, fetching_again, on_demand, pull_through,
)


def versions(target: Repository) -> int:
    return RepositoryVersion.select().where(RepositoryVersion.repository == target).count()


def whole() -> bool:
    """Every artifact's file is there with its bytes."""
    root = get_storage().root
    return all(
        (root / row.file).is_file() and hashlib.sha256((root / row.file).read_bytes()).hexdigest() == row.sha256
        for row in Artifact.select())


def tried(job: Job) -> str:
    try:
        job.attempt()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "done"


@contextmanager
def mounted(disk: Path) -> Any:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(disk)], check=True)
    try:
        yield
    finally:
        os.chdir("/")
        subprocess.run(["umount", str(disk)], check=True)


def resize(disk: Path, room: int) -> None:
    """Leave some KiB free on the disk."""
    found = os.statvfs(disk)
    used = (found.f_blocks - found.f_bfree) * found.f_frsize // KIB
    subprocess.run(["mount", "-o", f"remount,size={used + room}k", str(disk)], check=True)


def run(make: Callable[[World], Job], world: World, room: int) -> dict[str, Any]:
    with mounted(world.disk):
        for folder in (world.data, world.shelf):
            folder.mkdir()
        keyring.forget()
        keyring.create()
        job = make(world)
        before = job.seen()
        resize(world.disk, room)
        facts = {
            "job": make.__name__, "room": room, "said": tried(job), "whole": whole(), "before": before, "seen": job.seen(),
            "left": [path.name for path in temporary_directory().glob("*")],
        }
        resize(world.disk, 16384)
        if facts["said"] != "done":
            facts |= {"again": tried(job), "whole again": whole(), "seen again": job.seen()}
        database.execute_sql(f"TRUNCATE {TABLES} CASCADE")
        return facts


def main(url: str, disk: Path, elsewhere: Path) -> None:
    settings.set(
        "test", DATABASE_URL=url, DATA_DIR=str(disk / "data"), ALLOWED_IMPORT_PATHS=[str(elsewhere)], MIN_FREE_SPACE=0,
        ALLOWED_EXPORT_PATHS=[str(disk), str(elsewhere)])
    configure(url)
    load_plugins()
    world = World(disk, elsewhere)
    with connected(), (elsewhere / "facts").open("w") as facts:
        User.create(username="admin", password=PASSWORD_HASH, is_superuser=True, is_staff=True)
        for make in JOBS:
            for room in ROOMS:
                found = run(make, world, room)
                print(json.dumps(found), file=facts, flush=True)
                if found["said"] == "done":
                    break


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
