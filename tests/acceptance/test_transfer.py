"""Carrying repositories from one place to another in an archive, with the commands that people have."""

from __future__ import annotations

import os

import pytest

from tests.support.origin import make_files, sha256
from tests.support.platform import pulp_actor

FILES = make_files(60, "transfer", size=3000)


@pytest.fixture(scope="module")
def filled(platform):
    """A repository of files, by name."""
    client = platform.client
    repository = client.create("repositories/file/file/", {"name": "carried"})
    for path, data in list(FILES.items())[:8]:
        answer = platform.session.post(
            platform.url("content/file/files/"),
            data={"relative_path": path, "repository": repository["pulp_href"]}, files={"file": data}, timeout=30)
        client.wait(answer.json()["task"])
    return "carried"


def command(platform, *arguments):
    done = pulp_actor(platform.directory, *arguments, DATA_DIR=str(platform.data_dir))
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_export_and_import_with_two_commands(platform, filled):
    said = command(platform, "export", filled, "--to", str(platform.shelf / "out"), "--chunk-size", "8KB")
    toc = said.split()[-1]
    assert toc.endswith("-toc.json") and os.path.exists(toc)
    command(platform, "import", toc, "--check")
    assert "1 new version" in command(platform, "import", toc, "--create", "--map", f"{filled}=arrived")
    arrived = platform.client.find("repositories/file/file/", name="arrived")
    version = platform.client.get(arrived["latest_version_href"])
    assert version["content_summary"]["present"]["file.file"]["count"] == 8
    platform.client.create("distributions/file/file/", {
        "name": "arrived", "base_path": "arrived", "repository": arrived["pulp_href"]})
    publication = platform.client.create("publications/file/file/", {"repository": arrived["pulp_href"]})
    assert publication["manifest"] == "PULP_MANIFEST"
    path, data = next(iter(FILES.items()))
    assert platform.served_digest(f"arrived/{path}") == sha256(data)
    assert "all of it was here" in command(platform, "import", toc, "--map", f"{filled}=arrived")


def test_the_pulp_command_exports_and_imports(platform, filled):
    folder = str(platform.shelf / "pulp")
    platform.pulp("exporter", "pulp", "create", "--name", "by-pulp", "--path", folder, "--repository", f"file:file:{filled}")
    made = platform.pulp("export", "pulp", "run", "--exporter", "by-pulp", "--full", "true")
    assert made["output_file_info"]
    toc = made["toc_info"]["file"]
    platform.pulp("importer", "pulp", "create", "--name", "by-pulp", "--repo-map", filled, filled)
    listed = platform.pulp("importer", "pulp", "list", "--name", "by-pulp")
    assert listed[0]["repo_mapping"] == {filled: filled}
    assert platform.pulp("export", "pulp", "list", "--exporter", "by-pulp")[0]["toc_info"]["file"] == toc
