"""A disk that fills up at whichever write: the reason is said, the store is consistent, and with room it can run again."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from pulp_actor.settings import settings
from pulp_actor.storage import StorageFull, get_storage

NAMESPACE = ["unshare", "--user", "--map-root-user", "--mount"]


def needs_namespaces():
    """Skip the test, or in CI fail it, where no mount namespace can be had."""
    if subprocess.run([*NAMESPACE, "true"], capture_output=True, check=False).returncode:
        if os.environ.get("CI"):
            pytest.fail("mount namespaces are needed: unshare --user --map-root-user --mount")
        pytest.skip("no mount namespaces here")


@pytest.fixture(scope="module")
def facts(postgres, tmp_path_factory):
    """What came of each thing that was done on a disk with too little room, by its name, in order of the room."""
    needs_namespaces()
    disk, elsewhere = tmp_path_factory.mktemp("disk"), tmp_path_factory.mktemp("elsewhere")
    with postgres.migrated() as url:
        done = subprocess.run(
            [*NAMESPACE, sys.executable, "-m", "tests.integration.storage.disk_full", url, str(disk), str(elsewhere)],
            capture_output=True, text=True, check=False, timeout=180, cwd=Path(__file__).parents[3])
    assert done.returncode == 0, done.stderr
    found = defaultdict(list)
    for line in (elsewhere / "facts").read_text().splitlines():
        one = json.loads(line)
        found[one["job"]].append(one)
    return found


REASON = r"StorageFull: [Tt]he store cannot be written: No space left on device|TransferError: the archive needs .* free in"
#: What tells its client only that the bytes cannot be had.
TOLD = {"on_demand", "pull_through"}
#: What finds damage, and leaves it where it is until there is room.
BROKEN_BEFORE = {"repairing"}
JOBS = (
    "upload_artifact", "upload_chunks", "commit_upload", "upload_content", "create_content_from_url", "sync", "publishing",
    "exporting", "exporting_files", "importing", "repairing", "fetching_again", "on_demand", "pull_through")


@pytest.mark.parametrize("job", JOBS)
def test_without_room_it_fails_with_the_reason_and_can_be_done_again(job, facts):
    *too_little, enough = facts[job]
    assert too_little and (enough["said"], enough["whole"], enough["left"]) == ("done", True, []), enough
    for one in too_little:
        assert one["said"].startswith("StorageFull") if job in TOLD else re.match(REASON, one["said"]), one
        assert one["whole"] or job in BROKEN_BEFORE, one
        assert (one["seen"], one["left"]) == (one["before"], []), one
        assert (one["again"], one["whole again"], one["seen again"]) == ("done", True, enough["seen"]), one


def test_an_archive_for_which_there_seemed_to_be_room(facts):
    assert facts["exporting"][-2]["said"] == "StorageFull: the store cannot be written: No space left on device"


def test_nothing_that_writes_is_left_out(facts):
    assert set(facts) == set(JOBS)


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
