"""Syncs that share all of their content, on real workers; one of which is killed."""

from __future__ import annotations

import hashlib
import os
import signal
import time

from pulp_actor.db import configure, connected, database
from pulp_actor.models import Artifact, Content, ContentArtifact, Repository
from tests.support.nginx import needed, nginx
from tests.support.platform import running_platform
from tests.support.workers.waiting import eventually

UNITS, SYNCS = 10_000, 8


def publish(root, count, rotations):
    """``count`` files, and manifests that list all of them, each beginning elsewhere."""
    lines = []
    for number in range(count):
        data = f"file {number}\n".encode().ljust(64, b".")
        folder = root / f"dir-{number % 100}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"file-{number}").write_bytes(data)
        lines.append(f"dir-{number % 100}/file-{number},{hashlib.sha256(data).hexdigest()},{len(data)}\n")
    for rotation in range(rotations):
        start = rotation * count // rotations
        (root / f"MANIFEST-{rotation}").write_text("".join(lines[start:] + lines[:start]))


def start_syncs(platform, port):
    """Start all syncs; returns the hrefs of tasks and of repositories."""
    tasks, repositories = [], []
    for number in range(SYNCS):
        remote = platform.client.create("remotes/file/file/", {
            "name": f"r{number}", "url": f"http://127.0.0.1:{port}/MANIFEST-{number}"})
        repository = platform.client.create(
            "repositories/file/file/", {"name": f"r{number}", "remote": remote["pulp_href"]})["pulp_href"]
        repositories.append(repository)
        tasks.append(platform.client.request("POST", f"{repository}sync/", json={})["task"])
    return tasks, repositories


def ended(platform, task):
    def look():
        found = platform.client.get(task)
        return found if found["finished_at"] else None

    return eventually(look, 300, f"the end of {task}")


def test_eight_overlapping_syncs_of_ten_thousand_units_on_eight_workers(tmp_path, figure):
    needed()
    root = tmp_path / "files"
    publish(root, UNITS, SYNCS)
    for folder in ("nginx", "platform"):
        (tmp_path / folder).mkdir()
    with (
        nginx(tmp_path / "nginx", f"root {root};") as port,
        running_platform(tmp_path / "platform", WORKERS=str(SYNCS)) as platform,
    ):
        begin = time.monotonic()
        tasks, repositories = start_syncs(platform, port)
        victim = eventually(lambda: platform.client.get(tasks[3])["state"] == "running" and tasks[3], 60, "a running sync")
        os.kill(platform.worker_of(platform.client.get(victim)).pid, signal.SIGKILL)
        results = {task: ended(platform, task) for task in tasks}
        figure(f"{SYNCS} syncs of the same {UNITS:,} units, s", time.monotonic() - begin)
        failed = {task: found["error"] for task, found in results.items() if found["state"] != "completed"}
        assert failed.keys() <= {victim}, failed
        if failed:
            again = platform.client.request("POST", f"{repositories[3]}sync/", json={})["task"]
            assert ended(platform, again)["state"] == "completed"
        configure(platform.facts.database_url)
        with connected():
            assert Artifact.select().count() == Content.select().count() == ContentArtifact.select().count() == UNITS
            for repository in Repository.select():
                version = repository.latest_version()
                assert (version.number, version.content_summary["present"]) == (1, {"file.file": UNITS})
            database.close_all()
        files = [path for path in (platform.data_dir / "media" / "artifact").rglob("*") if path.is_file()]
        assert len(files) == UNITS
