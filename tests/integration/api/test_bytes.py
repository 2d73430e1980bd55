"""Bytes that come in: artifacts, uploads in chunks, and units of content made of them."""

import hashlib

import pytest

from pulp_actor.settings import settings

CONTENT = "content/file/files/"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def artifact(api, data=b"hello"):
    answer = api.upload("artifacts/", {}, data)
    assert answer.status_code == 201, answer.text
    return answer.json


def test_an_artifact_has_its_digests(api):
    made = artifact(api)
    assert (made["size"], made["sha256"], made["md5"]) == (5, sha256(b"hello"), None)
    assert made["sha512"] == hashlib.sha512(b"hello").hexdigest()


def test_an_artifact_is_stored_once(api):
    artifact(api)
    again = api.upload("artifacts/", {}, b"hello")
    assert (again.status_code, list(again.json)) == (400, ["non_field_errors"])


@pytest.mark.parametrize("fields", [{"sha256": "0" * 64}, {"sha512": "0"}, {"size": 4}])
def test_what_was_announced_is_checked(api, fields):
    answer = api.upload("artifacts/", fields, b"hello")
    assert (answer.status_code, list(answer.json)) == (400, ["non_field_errors"])


def test_an_artifact_needs_a_file(api):
    assert list(api.upload("artifacts/", {"size": 5}).json) == ["file"]
    assert list(api.upload("artifacts/", {"file": "text"}).json) == ["file"]
    assert list(api.post("artifacts/", {"file": "text"}).json) == ["file"]


def test_nothing_is_left_of_a_refused_file(api, data_dir):
    api.upload("artifacts/", {"size": 4}, b"hello")
    api.upload("repositories/file/file/", {"name": "x"}, b"a file that nobody asked for")
    assert list((data_dir / "tmp").iterdir()) == []


def test_an_artifact_is_deleted_unless_it_is_in_use(api):
    made = artifact(api)
    assert api.upload(CONTENT + "upload/", {"relative_path": "a", "artifact": made["pulp_href"]}).status_code == 201
    assert api.delete(made["pulp_href"]).status_code == 400
    other = artifact(api, b"other")
    assert api.delete(other["pulp_href"]).status_code == 204


@pytest.mark.parametrize("body", [
    b"x", b"--x\r\n", b"--x--\r\n", b'--x\r\nContent-Disposition: form-data\r\n\r\nv\r\n--x--\r\n',
    b'--x\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\ncut off',
    b'--x\r\nContent-Disposition: form-data; name="size"\r\n\r\n\xff\r\n--x--\r\n',
])
def test_a_malformed_form(api, body):
    answer = api.request(
        "POST", "artifacts/", body=body, headers={"Content-Type": "multipart/form-data; boundary=x"})
    assert answer.status_code == 400


def test_text_in_a_form_is_limited_but_files_are_not(api):
    with settings.override(MAX_BODY_SIZE=1000):
        assert api.upload("artifacts/", {"md5": "x" * 2000}, b"a").status_code == 413
        assert api.upload("artifacts/", {}, b"a" * 2000).status_code == 201


def test_an_upload_in_chunks(api):
    data = b"0123456789"
    upload = api.made("uploads/", {"size": 10})
    href = upload["pulp_href"]
    for first, last in ((5, 9), (0, 4)):
        chunk = data[first:last + 1]
        answer = api.upload(href, {"sha256": sha256(chunk)}, chunk, method="PUT", headers={
            "Content-Range": f"bytes {first}-{last}/10"})
        assert answer.status_code == 200, answer.text
    assert api.get(href).json["chunks"] == [{"offset": 0, "size": 5}, {"offset": 5, "size": 5}]
    answer = api.post(href + "commit/", {"sha256": sha256(data)})
    assert answer.status_code == 202
    task = api.get(answer.json["task"]).json
    assert (task["name"], task["reserved_resources_record"]) == ("pulpcore.app.tasks.upload.commit", [upload["prn"]])


@pytest.mark.parametrize("content_range", [
    "bytes 5-14/10", "bytes 0-4/11", "bytes 4-0/10", "bytes 0-2/10", "bytes -5/10", "lines 0-4/10", "",
])
def test_a_chunk_that_does_not_fit(api, content_range):
    href = api.made("uploads/", {"size": 10})["pulp_href"]
    answer = api.upload(href, {}, b"01234", method="PUT", headers={"Content-Range": content_range})
    assert (answer.status_code, list(answer.json)) == (400, ["non_field_errors"])


def test_a_chunk_with_another_digest(api):
    href = api.made("uploads/", {"size": 10})["pulp_href"]
    answer = api.upload(href, {"sha256": "0" * 64}, b"01234", method="PUT", headers={"Content-Range": "bytes 0-4/10"})
    assert answer.status_code == 400


def test_an_upload_that_is_given_up(api, data_dir):
    href = api.made("uploads/", {"size": 10})["pulp_href"]
    api.upload(href, {}, b"01234", method="PUT", headers={"Content-Range": "bytes 0-4/10"})
    assert api.delete(href).status_code == 204
    assert [path for path in (data_dir / "media").rglob("*") if path.is_file()] == []


def test_a_unit_is_made_at_once_with_upload(api):
    answer = api.upload(CONTENT + "upload/", {"relative_path": "a/b", "pulp_labels": '{"k": "v"}'}, b"hello")
    assert answer.status_code == 201, answer.text
    unit = api.get(answer.json["pulp_href"]).json
    assert (unit["relative_path"], unit["sha256"], unit["pulp_labels"]) == ("a/b", sha256(b"hello"), {"k": "v"})
    assert api.get(unit["artifact"]).json["size"] == 5
    (listed,) = api.get("content/").json["results"]
    assert listed["artifacts"] == {"a/b": unit["artifact"]}


def test_the_same_unit_again_is_the_same_unit(api):
    hrefs = {api.upload(CONTENT + "upload/", {"relative_path": "a"}, b"x").json["pulp_href"] for _ in range(2)}
    assert len(hrefs) == 1


def test_a_unit_is_made_by_a_task(api):
    answer = api.upload(CONTENT, {"relative_path": "a"}, b"hello")
    assert answer.status_code == 202
    assert api.get(answer.json["task"]).json["name"] == "pulpcore.app.tasks.base.general_create"


@pytest.mark.parametrize("path", ["../x", "/x", "a//b", "a/../b", "a/", ".", "", "a\0b", "a\nb"])
def test_a_path_that_escapes(api, path):
    answer = api.upload(CONTENT, {"relative_path": path}, b"x")
    assert (answer.status_code, list(answer.json)) == (400, ["relative_path"])


def test_a_unit_has_one_source(api):
    made = artifact(api)
    assert list(api.upload(CONTENT, {"relative_path": "a"}).json) == ["non_field_errors"]
    both = api.upload(CONTENT, {"relative_path": "a", "artifact": made["pulp_href"]}, b"x")
    assert list(both.json) == ["non_field_errors"]
