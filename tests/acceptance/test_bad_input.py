"""What users get wrong is refused by name of the field, never with a traceback, and leaves nothing behind."""

import hashlib

import pytest

FILES = "content/file/files/"
REMOTES = "remotes/file/file/"
MISSING = "/pulp/api/v3/repositories/file/file/01a20a7e-a6ba-76e8-b1b6-639b89b4cf92/"


def refusal(platform, path, status=400, method="POST", **request):
    answer = platform.session.request(method, platform.url(path), timeout=30, **request)
    assert answer.status_code == status, answer.text
    assert "Traceback" not in answer.text
    return answer.json() if answer.headers["Content-Type"].startswith("application/json") else {}


@pytest.mark.parametrize("body", [b"{", b'{"name": "x"', b"\xff\xfe", b"[" * 100_000, b"", b'"text"', b"[]"])
def test_malformed_json_is_refused(platform, body):
    refusal(platform, REMOTES, data=body, headers={"Content-Type": "application/json"})


@pytest.mark.parametrize(("body", "field"), [
    ({"url": "http://127.0.0.1/"}, "name"),
    ({"name": "x"}, "url"),
    ({"name": "x", "url": "http://127.0.0.1/", "colour": "red"}, "colour"),
    ({"name": "x", "url": "http://127.0.0.1/", "policy": "sometimes"}, "policy"),
    ({"name": ["x"], "url": "http://127.0.0.1/"}, "name"),
    ({"name": "x", "url": "http://127.0.0.1/", "total_timeout": "soon"}, "total_timeout"),
    ({"name": "x", "url": "http://127.0.0.1/", "download_concurrency": 0}, "download_concurrency"),
    ({"name": "x", "url": "http://127.0.0.1/", "pulp_labels": {"a": {"b": "c"}}}, "pulp_labels"),
    ({"name": None, "url": "http://127.0.0.1/"}, "name"),
])
def test_a_field_that_is_wrong_is_named(platform, body, field):
    assert field in refusal(platform, REMOTES, json=body)


@pytest.mark.parametrize("path", ["../x", "a/../../x", "/etc/passwd", "a//b", "a/./b", "nul\0", "", "a/"])
def test_a_relative_path_that_escapes_is_refused(platform, path):
    answer = refusal(platform, FILES, data={"relative_path": path}, files={"file": ("x", b"escape " + path.encode())})
    assert "relative_path" in answer
    digest = hashlib.sha256(b"escape " + path.encode()).hexdigest()
    assert platform.client.get(FILES, sha256=digest)["count"] == 0


def test_a_name_that_is_taken_is_named(platform):
    body = {"name": "taken", "url": "http://127.0.0.1/"}
    platform.client.create(REMOTES, body)
    assert "name" in refusal(platform, REMOTES, json=body)


def test_an_href_that_leads_nowhere_is_named(platform):
    assert "repository" in refusal(platform, "publications/file/file/", json={"repository": MISSING})
    assert "repository" in refusal(
        platform, "distributions/file/file/", json={"name": "n", "base_path": "n", "repository": "nonsense"})
    refusal(platform, MISSING, status=404, method="GET")
    refusal(platform, f"{MISSING}sync/", status=404, json={})
    refusal(platform, "nowhere/", status=404, method="GET")


def test_a_sync_without_a_remote_names_it(platform):
    repository = platform.client.create("repositories/file/file/", {"name": "without-remote"})
    assert "remote" in refusal(platform, f"{repository['pulp_href']}sync/", json={})


def test_without_credentials_nothing_but_the_status_can_be_had(platform):
    platform_session, platform.session.auth = platform.session.auth, None
    try:
        assert "detail" in refusal(platform, "tasks/", status=401, method="GET")
        assert "detail" in refusal(platform, REMOTES, status=401, json={"name": "x", "url": "http://127.0.0.1/"})
    finally:
        platform.session.auth = platform_session
    assert platform.client.get("status/")["database_connection"]["connected"]


@pytest.mark.parametrize("path", [
    "nowhere/", "../../etc/passwd", "%2e%2e/%2e%2e/etc/passwd", "a//b", "%00", "x" * 10_000,
])
def test_the_content_server_knows_only_what_is_served(platform, path):
    answer = platform.session.get(platform.content_url(path), timeout=30)
    assert answer.status_code in (400, 404, 414), answer.text
    assert "Traceback" not in answer.text
