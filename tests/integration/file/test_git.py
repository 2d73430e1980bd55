"""Git remotes: the files of a branch, a tag or a commit, fetched by the real git from real repositories."""

from __future__ import annotations

import pytest

from pulp_actor.models import Artifact, ContentArtifact, RemoteArtifact
from pulp_actor.plugins.file.actors import synchronize
from pulp_actor.storage import get_storage
from pulp_actor.storage.base import temporary_directory
from pulp_actor.sync import DownloadError
from pulp_actor.sync.session import basic_auth
from tests.integration.file.conftest import paths
from tests.support.git import Work


def sync(remote, repository, **options):
    synchronize(str(remote.id), str(repository.id), **options)
    return repository.latest_version()


def stored(path):
    entry = ContentArtifact.get(ContentArtifact.relative_path == path)
    return b"".join(get_storage().open(entry.artifact.file))


def test_the_files_of_a_commit_become_a_version(work, make_git_remote, make_repository, task):
    version = sync(make_git_remote(), make_repository())
    assert paths(version) == {"README", "docs/a file", "data.bin"}
    for path in paths(version):
        assert stored(path) == (work.directory / path).read_bytes()
    assert RemoteArtifact.select().count() == 0, "nothing that reclaiming space could take for a place to fetch from"
    assert task.reports["sync.downloading.artifacts"].done == 3
    assert list(temporary_directory().glob("*")) == []


def test_a_new_commit_is_a_new_version_and_an_old_one_is_none(work, make_git_remote, make_repository, task):
    remote, repository = make_git_remote(), make_repository()
    sync(remote, repository, mirror=True)
    assert sync(remote, repository, mirror=True).number == 1
    assert "sync.was_skipped" in task.reports
    (work.directory / "README").unlink()
    work.commit({"docs/a file": b"b\n"})
    version = sync(remote, repository, mirror=True)
    assert paths(version) == {"docs/a file", "data.bin"}
    assert Artifact.select().count() == 4


@pytest.mark.parametrize("ref", ["main", "refs/heads/main", "side", "v1", "{first}"])
def test_a_ref_names_a_branch_a_tag_or_a_commit(ref, work, make_git_remote, make_repository):
    first = work.git("rev-parse", "HEAD")
    work.git("tag", "--annotate", "v1", "--message", "one")
    work.git("checkout", "--quiet", "-b", "side")
    work.commit({"side": b"side\n"})
    work.git("checkout", "--quiet", "main")
    work.commit({"later": b"later\n"})
    version = sync(make_git_remote(ref.format(first=first)), make_repository())
    more = {"main": {"later"}, "refs/heads/main": {"later"}, "side": {"side"}}.get(ref, set())
    assert paths(version) == {"README", "docs/a file", "data.bin"} | more


def test_links_and_submodules_are_left_out(work, make_git_remote, make_repository):
    (work.directory / "link").symlink_to("/etc/passwd")
    (work.directory / "docs/up").symlink_to("../../..")
    work.commit({})
    work.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},submodule")
    work.git("commit", "--quiet", "--message", "a submodule")
    assert paths(sync(make_git_remote(), make_repository())) == {"README", "docs/a file", "data.bin"}


def test_over_http_with_credentials(work, make_git_remote, make_repository, upstream):
    bare = work.directory.parent / "bare"
    work.git("clone", "--quiet", "--bare", str(work.directory), str(bare))
    Work.git(work, "--git-dir", str(bare), "update-server-info")
    for file in bare.rglob("*"):
        if file.is_file():
            upstream.files[f"bare/{file.relative_to(bare)}"] = file.read_bytes()
    remote = make_git_remote(url=f"{upstream.url}bare", username="u", password="p/ä", headers=[{"X-Team": "a"}])
    assert len(paths(sync(remote, make_repository()))) == 3
    assert {headers.get("Authorization") for headers in upstream.headers} == {basic_auth("u", "p/ä")}
    assert {headers.get("X-Team") for headers in upstream.headers} == {"a"}


@pytest.mark.parametrize(("columns", "ref", "reason"), [
    ({}, "nowhere", "nowhere"),
    ({}, "--upload-pack=touch /tmp/x", "names no branch"),
    ({}, "a:refs/heads/b", "names no branch"),
    ({"url": "file:///etc"}, None, r"refused: .*ALLOWED_IMPORT_PATHS"),
    ({"url": "ext::sh -c id"}, None, "only http, https and file"),
    ({"url": "ssh://127.0.0.1/x"}, None, "only http, https and file"),
    ({"url": "http://169.254.169.254/x"}, None, "refused: .*link-local"),
    ({"url": "http://127.0.0.1:1/x"}, None, "git fetch: "),
])
def test_what_cannot_be_fetched_says_why_and_changes_nothing(columns, ref, reason, make_git_remote, make_repository):
    remote, repository = make_git_remote(ref, **columns), make_repository()
    with pytest.raises(DownloadError, match=reason):
        sync(remote, repository)
    assert repository.latest_version().number == 0
    assert list(temporary_directory().glob("*")) == []


def test_nobodys_configuration_and_hooks_are_used(work, make_git_remote, make_repository, tmp_path, monkeypatch):
    trap = tmp_path / "sprung"
    config = tmp_path / "gitconfig"
    config.write_text(f'[core]\n\tfsmonitor = "touch {trap}"\n[url "file:///nowhere"]\n\tinsteadOf = file://{work.directory}\n')
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    assert len(paths(sync(make_git_remote(), make_repository()))) == 3
    assert not trap.exists()
