"""Runs in a mount namespace of its own, as `test_disk_full` starts it: syncs onto disks of growing sizes until one is large
enough, and says what came of each."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

from pulp_actor.db import configure, connected
from pulp_actor.identifiers import registry
from pulp_actor.models import Artifact, Remote, mutations
from pulp_actor.plugins import load_plugins
from pulp_actor.plugins.file.actors import publish, synchronize
from pulp_actor.settings import settings
from pulp_actor.storage import StorageFull, get_storage

#: KiB of the disks. A file of the origin has 8 KiB; the directories have room for themselves.
SIZES = (4, 12, 24, 40, 64, 96, 4096)


def mount(directory: Path, size: int) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}k", "tmpfs", str(directory)], check=True)


def whole() -> bool:
    """Every artifact's file is there with its bytes, and nothing else is."""
    files = {row.file: row.sha256 for row in Artifact.select()}
    root = get_storage().root
    found = {str(path.relative_to(root)): path for path in root.rglob("*") if path.is_file()}
    return files.keys() <= found.keys() and all(
        hashlib.sha256(found[key].read_bytes()).hexdigest() == sha256 for key, sha256 in files.items())


def attempt(remote: Remote, repository: object) -> str:
    try:
        synchronize(str(remote.id), str(repository.id))
        publish(str(repository.latest_version().id))
    except StorageFull as error:
        return f"StorageFull: {error}"
    return "done"


def main(url: str, disk: Path, origin: Path) -> None:
    settings.set("test", DATABASE_URL=url, DATA_DIR=str(disk), ALLOWED_IMPORT_PATHS=[str(origin)], MIN_FREE_SPACE=0)
    configure(url)
    load_plugins()
    with connected():
        for size in SIZES:
            mount(disk, size)
            remote = Remote.create(type="file.file", name=f"disk {size}", url=f"file://{origin}/PULP_MANIFEST")
            repository = mutations.create(registry.by_path("repositories/file/file"), {"name": f"disk {size}"})
            said = attempt(remote, repository)
            facts = {
                "size": size, "said": said, "whole": whole(), "version": repository.latest_version().number,
                "left": len(list((disk / "tmp").glob("*"))),
            }
            subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
            facts |= {"again": attempt(remote, repository), "whole again": whole(), "artifacts": Artifact.select().count()}
            print(json.dumps(facts), flush=True)
            # The next disk is an empty one, and so is what the database knows of it.
            from pulp_actor.db import database

            database.execute_sql("TRUNCATE content, artifact, repository_content, publication CASCADE")
            os.chdir("/")
            subprocess.run(["umount", str(disk)], check=True)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
