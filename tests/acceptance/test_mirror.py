"""The main job in one line: ``pulp-actor mirror``, and ``pulp-actor demo``, which does it from nothing."""

import pytest

from tests.support.origin import make_files, sha256
from tests.support.platform import pulp_actor


def mirror(platform, tmp_path, *arguments):
    return pulp_actor(tmp_path, "mirror", *arguments, "--data-dir", str(platform.data_dir))


def test_a_repository_of_500_files_is_mirrored_and_served(platform, origin, tmp_path):
    files = make_files(500, "mirror")
    origin.publish("mirror", files)
    done = mirror(platform, tmp_path, f"{origin.url}/mirror/", "--at", "mirrors/five-hundred")
    assert done.returncode == 0, done.stderr
    said = done.stdout.strip().splitlines()
    assert said[-1] == platform.content_url("mirrors/five-hundred/")
    assert said[-2] == "version 1, 500 files; served at"
    for path in list(files)[::50]:
        assert platform.served_digest(f"mirrors/five-hundred/{path}") == sha256(files[path])


def test_run_again_it_takes_over_what_has_changed_and_makes_nothing_twice(platform, origin, tmp_path):
    files = make_files(5, "again")
    origin.publish("again", files)
    arguments = (f"{origin.url}/again", "--at", "again")
    assert mirror(platform, tmp_path, *arguments).returncode == 0
    unchanged = mirror(platform, tmp_path, *arguments)
    assert "version 1, 5 files, nothing had changed" in unchanged.stdout
    gone, _ = files.popitem()
    files["new.txt"] = b"new"
    origin.publish("again", files)
    assert "version 2, 5 files;" in mirror(platform, tmp_path, *arguments).stdout
    assert platform.served_digest("again/new.txt") == sha256(b"new")
    manifest = platform.session.get(platform.content_url("again/PULP_MANIFEST"), timeout=30).text
    assert gone not in manifest and "new.txt" in manifest
    for path in ("remotes/file/file/", "repositories/file/file/", "distributions/file/file/"):
        assert platform.client.get(path, name="again")["count"] == 1


def test_on_demand_fetches_nothing_but_the_manifest(platform, origin, tmp_path):
    origin.publish("later", make_files(5, "later"))
    done = mirror(platform, tmp_path, f"{origin.url}/later/PULP_MANIFEST", "--at", "later", "--policy", "on_demand")
    assert done.returncode == 0, done.stderr
    assert set(origin.requests) == {"/later/PULP_MANIFEST"}


def test_it_works_on_a_platform_elsewhere_with_user_and_password(platform, origin, tmp_path):
    origin.publish("elsewhere", make_files(2, "elsewhere"))
    arguments = ("mirror", f"{origin.url}/elsewhere/", "--at", "elsewhere", "--api", platform.facts.api)
    done = pulp_actor(tmp_path, *arguments, "--user", "admin", "--password", platform.facts.password)
    assert done.returncode == 0, done.stderr
    wrong = pulp_actor(tmp_path, *arguments, "--password", "wrong")
    assert wrong.returncode == 1
    assert "credentials" in wrong.stderr
    assert "password of admin is needed" in pulp_actor(tmp_path, *arguments).stderr


@pytest.mark.parametrize(("url", "complaint"), [
    ("{origin}/missing/", "404"), ("http://127.0.0.1:1/files/", "127.0.0.1:1"), ("not a url", "is no URL"),
])
def test_what_cannot_be_mirrored_is_said_in_a_line(platform, origin, tmp_path, url, complaint):
    done = mirror(platform, tmp_path, url.format(origin=origin.url), "--at", "cannot")
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert complaint in done.stderr


def test_a_base_path_inside_another_is_refused_by_name(platform, origin, tmp_path):
    origin.publish("outer", make_files(1, "outer"))
    assert mirror(platform, tmp_path, f"{origin.url}/outer/", "--at", "outer").returncode == 0
    done = mirror(platform, tmp_path, f"{origin.url}/outer/", "--at", "outer/inner")
    assert done.returncode == 1
    assert "base_path" in done.stderr


def test_nothing_running_is_said(tmp_path):
    done = pulp_actor(tmp_path, "mirror", "http://127.0.0.1:1/", "--at", "x", "--data-dir", str(tmp_path))
    assert done.returncode == 1
    assert "nothing runs" in done.stderr


def test_the_demo_does_its_job_and_leaves_nothing_behind(tmp_path):
    (tmp_path / "tmp").mkdir()
    done = pulp_actor(tmp_path, "demo", "--files", "30", temporary=tmp_path / "tmp")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "All 30 files came through unchanged" in done.stdout
    assert not list(tmp_path.glob("tmp/*"))
