"""The backup and restore procedure of docs/deployment.md, performed: dump, copy, a new server, and everything is there."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from pulp_actor.db.binaries import find_binaries
from pulp_actor.db.embedded import EmbeddedServer, database_url
from tests.support.origin import make_files, running_origin, sha256
from tests.support.platform import RunningPlatform, running_platform

pytestmark = pytest.mark.slow


def tool(directory: Path, name: str, *arguments: str) -> None:
    """Run one of PostgreSQL's own programs, of the server's version."""
    done = subprocess.run(
        find_binaries(directory).command(name, *arguments), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def fill(platform: RunningPlatform) -> dict[str, bytes]:
    made = make_files(20, "backup")
    client = platform.client
    with running_origin() as origin:
        remote = client.create("remotes/file/file/", {
            "name": "kept", "url": origin.publish("kept", made), "username": "me", "password": "a secret"})
        repository = client.create("repositories/file/file/", {"name": "kept", "remote": remote["pulp_href"]})
        client.run(f"{repository['pulp_href']}sync/", {})
    client.create("distributions/file/file/", {
        "name": "kept", "base_path": "kept", "repository": repository["pulp_href"]})
    return made


def test_what_was_backed_up_is_restored_on_another_server(tmp_path: Path) -> None:
    dump, saved = tmp_path / "pulp.dump", tmp_path / "saved"
    for folder in ("old", "new"):
        (tmp_path / folder).mkdir()
    with running_platform(tmp_path / "old", WORKERS="1", ADMIN_PASSWORD="of the old one") as old:
        made = fill(old)
        # While it runs: the database first, then what it names, then the keys.
        tool(tmp_path, "pg_dump", "--format=custom", f"--file={dump}", old.facts.database_url)
        for part in ("media", "keys"):
            shutil.copytree(old.data_dir / part, saved / part)
        client = old.client
        late = client.create("repositories/file/file/", {"name": "made after the dump"})
        assert late["name"]
    server = EmbeddedServer(tmp_path / "new-server")
    server.start()
    try:
        tool(tmp_path, "createdb", f"--maintenance-db={database_url(server.directory, 'postgres')}", "restored")
        url = database_url(server.directory, "restored")
        tool(tmp_path, "pg_restore", "--no-owner", f"--dbname={url}", str(dump))
        shutil.copytree(saved, tmp_path / "new" / "data")
        with running_platform(tmp_path / "new", WORKERS="1", DATABASE_URL=url) as new:
            assert new.facts.password == "of the old one"
            for name, data in made.items():
                assert new.served_digest(f"kept/{name}") == sha256(data)
            names = [found["name"] for found in new.client.every("repositories/file/file/")]
            assert names == ["kept"]
            repaired = new.client.run("/pulp/api/v3/repair/", {"verify_checksums": True})
            assert repaired["state"] == "completed"
            # The secret can be read with the key that was restored: a sync logs in with it.
            remote = new.client.find("remotes/file/file/", name="kept")
            assert remote is not None
            assert {field["name"]: field["is_set"] for field in remote["hidden_fields"]}["password"]
            _sync_again(new, made)
    finally:
        server.stop(immediate=True)


def _sync_again(platform: RunningPlatform, made: dict[str, bytes]) -> None:
    client = platform.client
    remote = client.find("remotes/file/file/", name="kept")
    repository = client.find("repositories/file/file/", name="kept")
    assert remote is not None and repository is not None
    with running_origin() as origin:
        client.update(remote["pulp_href"], {"url": origin.publish("kept", made | {"new.txt": b"new"})})
        client.run(f"{repository['pulp_href']}sync/", {})
    assert client.get(repository["pulp_href"])["latest_version_href"].endswith("/2/")
    assert platform.served_digest("kept/new.txt") == sha256(b"new")
