"""Every way in which a file gets into a repository by hand: at once or in a task, from whichever source of its bytes."""

import pytest

from tests.support.names import fresh
from tests.support.origin import sha256

FILES = "content/file/files/"


def as_file(platform, origin, data):
    return {}, {"file": ("name", data)}


def as_artifact(platform, origin, data):
    answer = platform.session.post(platform.url("artifacts/"), files={"file": ("name", data)}, timeout=30)
    return {"artifact": answer.json()["pulp_href"]}, None


def as_upload(platform, origin, data):
    upload = platform.client.create("uploads/", {"size": len(data)})["pulp_href"]
    middle = len(data) // 2
    for start, end in ((middle, len(data)), (0, middle)):
        answer = platform.session.put(
            f"{platform.facts.api}{upload}", files={"file": ("chunk", data[start:end])}, timeout=30,
            headers={"Content-Range": f"bytes {start}-{end - 1}/{len(data)}"})
        assert answer.status_code == 200, answer.text
    return {"upload": upload}, None


def as_url(platform, origin, data):
    name = sha256(data)[:12]
    origin.publish(name, {"file": data})
    return {"file_url": f"{origin.url}/{name}/file"}, None


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("source", [as_file, as_artifact, as_upload, as_url])
def test_a_file_is_uploaded_and_added_to_a_repository(platform, origin, source, at_once):
    name = fresh("uploads")
    data, path = f"{name}\n".encode() * 100, f"uploads/{name}"
    fields, files = source(platform, origin, data)
    fields |= {"relative_path": path}
    repository = platform.client.create("repositories/file/file/", {"name": name})["pulp_href"]
    if at_once:
        answer = platform.session.post(platform.url(f"{FILES}upload/"), data=fields, files=files, timeout=60)
        assert answer.status_code == 201, answer.text
        unit = answer.json()
        platform.client.run(f"{repository}modify/", {"add_content_units": [unit["pulp_href"]]})
    else:
        fields |= {"repository": repository}
        answer = platform.session.post(platform.url(FILES), data=fields, files=files, timeout=60)
        assert answer.status_code == 202, answer.text
        created = platform.client.wait(answer.json()["task"])["created_resources"]
        unit = platform.client.get(next(href for href in created if "/content/" in href))
    assert (unit["relative_path"], unit["sha256"]) == (path, sha256(data))
    latest = platform.client.get(repository)["latest_version_href"]
    assert platform.client.get(FILES, repository_version=latest)["count"] == 1
    platform.client.create("distributions/file/file/", {
        "name": name, "base_path": name, "repository": repository})
    assert platform.served_digest(f"{name}/{path}") == sha256(data)


def test_a_url_that_cannot_be_downloaded_is_said(platform, origin):
    answer = platform.session.post(
        platform.url(f"{FILES}upload/"), data={"relative_path": "x", "file_url": f"{origin.url}/nowhere"}, timeout=60)
    assert (answer.status_code, answer.json()) == (400, {"file_url": [f"{origin.url}/nowhere: 404 Not Found"]})
