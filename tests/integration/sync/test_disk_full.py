"""A disk that fills up at whichever write: the task says so, the store is consistent, and with room it can run again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pulp_actor.settings import settings
from pulp_actor.storage import StorageFull, get_storage
from tests.support.origin import make_files, manifest_of

NAMESPACE = ["unshare", "--user", "--map-root-user", "--mount"]


def needs_namespaces():
    """Skip the test, or in CI fail it, where no mount namespace can be had."""
    if subprocess.run([*NAMESPACE, "true"], capture_output=True, check=False).returncode:
        if os.environ.get("CI"):
            pytest.fail("mount namespaces are needed: unshare --user --map-root-user --mount")
        pytest.skip("no mount namespaces here")


def test_a_sync_onto_a_full_disk_fails_with_the_reason_and_can_run_again(database, tmp_path):
    needs_namespaces()
    origin, disk = tmp_path / "origin", tmp_path / "disk"
    files = make_files(12, "disk", size=8000)
    for path, data in {**files, "PULP_MANIFEST": manifest_of(files)}.items():
        (origin / path).parent.mkdir(parents=True, exist_ok=True)
        (origin / path).write_bytes(data)
    disk.mkdir()
    done = subprocess.run(
        [*NAMESPACE, sys.executable, "-m", "tests.integration.sync.disk_full", database.url, str(disk), str(origin)],
        capture_output=True, text=True, check=False, timeout=100, cwd=Path(__file__).parents[3])
    assert done.returncode == 0, done.stderr
    *too_small, enough = map(json.loads, done.stdout.splitlines())
    for facts in too_small:
        assert facts["said"].startswith("StorageFull: the store cannot be written: No space left on device"), facts
        assert (facts["whole"], facts["version"], facts["left"]) == (True, 0, 0), facts
    assert (enough["said"], enough["version"], enough["left"]) == ("done", 1, 0)
    for facts in [*too_small, enough]:
        assert (facts["again"], facts["whole again"], facts["artifacts"]) == ("done", True, 13), facts


def test_the_last_of_a_disk_is_left_alone(data_dir):
    storage = get_storage()
    with settings.override(MIN_FREE_SPACE=2**60), pytest.raises(StorageFull, match="MIN_FREE_SPACE keeps"):
        storage.new_temporary()
    with storage.temporary() as file:
        file.write(b"x" * 16 * 2**20)
        with settings.override(MIN_FREE_SPACE=2**60), pytest.raises(StorageFull, match="MIN_FREE_SPACE"):
            file.write(b"x")
        with settings.override(MIN_FREE_SPACE=2**60), pytest.raises(StorageFull, match="MIN_FREE_SPACE"):
            storage.put_file(file.path, "artifact/aa/bb")
    assert not storage.exists("artifact/aa/bb")
