"""A Git server that fails for a while: it is asked again, as often as the remote says, and only where that can help."""

from __future__ import annotations

import subprocess

import pytest

from pulp_actor.plugins.file import git
from pulp_actor.plugins.file.actors import synchronize
from pulp_actor.storage import StorageFull
from pulp_actor.storage.base import temporary_directory
from pulp_actor.sync import DownloadError
from tests.integration.file.conftest import paths
from tests.support.git import git_server


@pytest.fixture
def server(folder, work, monkeypatch):
    monkeypatch.setattr(git, "FIRST_WAIT", 0.01)
    with git_server(folder) as running:
        yield running


@pytest.fixture
def fetch(server, make_git_remote, make_repository):
    """Sync from the server; returns the paths that the repository has then."""
    repository = make_repository()

    def run(**columns):
        remote = make_git_remote(url=f"{server.url}work", **columns)
        synchronize(str(remote.id), str(repository.id))
        return paths(repository.latest_version())

    return run


@pytest.mark.parametrize("faults", [[503], [500, 502, 429], ["close"], ["cut", None, 503], [None, 503], [None, "cut"]])
def test_what_fails_in_passing_is_tried_again(faults, server, fetch):
    server.faults = faults
    assert fetch() == {"README", "docs/a file", "data.bin"}
    assert len(server.requests) > len(faults)


@pytest.mark.parametrize(("retries", "attempts"), [(0, 1), (2, 3), (None, 4)])
def test_the_remote_says_how_often(retries, attempts, server, fetch):
    server.faults = [503] * 20
    with pytest.raises(DownloadError, match="returned error: 503") as raised:
        fetch(max_retries=retries)
    assert len(server.requests) == attempts
    assert ("after" in str(raised.value)) == (attempts > 1)
    assert list(temporary_directory().glob("*")) == []


@pytest.mark.parametrize(("status", "requests"), [(403, 2), (404, 2), (410, 2)])
def test_what_is_refused_is_not_tried_again(status, requests, server, fetch):
    """Two requests: one for the commit alone, one for its history."""
    server.faults = [status] * 20
    with pytest.raises(DownloadError, match=r"git fetch: ") as raised:
        fetch()
    assert len(server.requests) == requests and "attempts" not in str(raised.value)


def test_a_server_that_says_nothing_is_given_up(server, fetch, monkeypatch):
    monkeypatch.setattr(git, "LOOK_INTERVAL", 0.05)
    server.faults = ["hang"] * 20
    with pytest.raises(DownloadError, match=r"timed out \(after 2 attempts\)"):
        fetch(max_retries=1, total_timeout=0.5)
    assert len(server.requests) == 2


def test_a_full_disk_is_no_reason_to_try_again(server, fetch, monkeypatch):
    """As git says it when it has no room: the words are the system's."""
    calls = []
    run = subprocess.Popen

    def no_room(command, **options):
        calls.append(command)
        script = "echo 'fatal: write error: No space left on device' >&2; exit 128"
        return run(["sh", "-c", script] if "fetch" in command else command, **options)

    monkeypatch.setattr(subprocess, "Popen", no_room)
    with pytest.raises(StorageFull, match="No space left on device"):
        fetch()
    assert sum("fetch" in command for command in calls) == 1
    assert list(temporary_directory().glob("*")) == []
