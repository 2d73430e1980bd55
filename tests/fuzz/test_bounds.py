"""Input that is meant to exhaust the server: each answer is a refusal, in little time and little memory."""

from __future__ import annotations

import base64
import itertools
import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

import psutil
import pytest
import requests

MiB = 1024 * 1024

#: Seconds that a refusal may take on a busy machine; a query with a costly filter is cut off after two.
PATIENCE = 10
#: Resident memory, in bytes, that the API's processes may gain over all of a test.
GAIN = 64 * MiB


def api_processes(platform):
    children = psutil.Process(platform.process.pid).children(recursive=True)
    return [one for one in children if any("api.service" in part or "pulp-api" in part for part in one.cmdline())]


def resident(platform):
    """Private and shared memory of the API's processes, in bytes."""
    return sum(one.memory_info().rss for one in api_processes(platform))


@contextmanager
def bounded(platform) -> Iterator[None]:
    """What is done in the block takes little time, and leaves the API as large as it was."""
    before, start = resident(platform), time.monotonic()
    yield
    assert time.monotonic() - start < PATIENCE
    assert resident(platform) - before < GAIN
    assert requests.get(platform.url("status/"), timeout=PATIENCE).status_code == 200


@pytest.fixture
def session(platform):
    assert api_processes(platform)
    with bounded(platform):
        yield platform.session


def refused(answer):
    """A refusal: 4xx with a reason, and no traceback."""
    assert 400 <= answer.status_code < 500, f"{answer.status_code} {answer.text[:300]}"
    assert "Traceback" not in answer.text
    return answer


# --- bodies -----------------------------------------------------------------------------------------------------------

NESTED = {
    "arrays": "[" * 500_000 + "]" * 500_000,
    "objects": '{"a":' * 200_000 + "1" + "}" * 200_000,
    "arrays that are not closed": "[" * 1_000_000,
    "arrays in a label": json.dumps({"name": "deep", "pulp_labels": "@"}).replace('"@"', "[" * 5000 + "]" * 5000),
}


@pytest.mark.parametrize("body", NESTED.values(), ids=NESTED)
def test_deep_json_is_refused(platform, session, body):
    refused(session.post(platform.url("repositories/file/file/"), data=body, headers={"Content-Type": "application/json"}))


def test_deep_json_in_a_field_that_takes_any_object_is_refused(platform, session):
    body = '{"url": "http://localhost/", "name": "deep headers", "headers": [{"a": ' + "[" * 50_000 + "]" * 50_000 + "}]}"
    refused(session.post(platform.url("remotes/file/file/"), data=body, headers={"Content-Type": "application/json"}))


@pytest.mark.parametrize("kind", ["application/json", "application/x-www-form-urlencoded", "text/plain"])
def test_a_body_of_100_megabytes_is_refused_unread(platform, session, kind):
    head = (f"POST /pulp/api/v3/repositories/file/file/ HTTP/1.1\r\nHost: a\r\nContent-Type: {kind}\r\n"
            f"Content-Length: {100 * MiB}\r\n").encode()
    assert b" 413 " in exchange(platform, head + authorization(platform) + b"\r\n" + b"a" * 1000)


def test_a_chunked_body_without_end_is_refused(platform, session):
    try:
        answer = session.post(
            platform.url("repositories/file/file/"), data=itertools.repeat(b"a" * MiB, 100),
            headers={"Content-Type": "application/json"})
    except requests.ConnectionError:
        return  # as above
    assert refused(answer).status_code == 413


def test_a_file_of_100_megabytes_is_never_in_memory(platform, session):
    answer = session.post(platform.url("artifacts/"), files={"file": b"x" * 100 * MiB}, data={"sha256": "0" * 64})
    refused(answer)


def test_a_form_field_of_100_megabytes_is_refused(platform, session):
    boundary = b"--x\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\n"
    body = boundary + b"a" * 100 * MiB + b"\r\n--x--\r\n"
    try:
        answer = session.post(
            platform.url("repositories/file/file/"), data=body, headers={"Content-Type": "multipart/form-data; boundary=x"})
    except requests.ConnectionError:
        return  # the server has hung up on a client that went on sending
    assert refused(answer).status_code == 413


def test_a_form_of_a_million_fields_is_refused(platform, session):
    body = "&".join(f"a{number}=1" for number in range(1_000_000))
    refused(session.post(
        platform.url("repositories/file/file/"), data=body, headers={"Content-Type": "application/x-www-form-urlencoded"}))


def test_a_form_of_a_thousand_files_is_refused(platform, session):
    files = [(f"file{number}", ("a", b"a")) for number in range(1000)]
    refused(session.post(platform.url("artifacts/"), files=files))


def test_a_number_of_a_million_digits_is_refused(platform, session):
    body = '{"name": "digits", "retain_repo_versions": ' + "9" * 1_000_000 + "}"
    refused(session.post(platform.url("repositories/file/file/"), data=body, headers={"Content-Type": "application/json"}))


def test_a_name_of_five_megabytes_is_kept_out_of_indexes(platform, session):
    # PostgreSQL cannot index it; that must be a refusal and not an error of the server's.
    refused(session.post(platform.url("repositories/file/file/"), json={"name": "long" * MiB}))


BODIES = {
    "not UTF-8": b'{"name": "\xff\xfe"}',
    "UTF-16": '{"name": "a"}'.encode("utf-16"),
    "a NUL character": b'{"name": "a\\u0000b"}',
    "half a surrogate pair": b'{"name": "a\\ud800b"}',
    "a bare NUL": b'{"name": "a\x00b"}',
    "NaN": b'{"name": "a", "retain_repo_versions": NaN}',
    "Infinity": b'{"name": "a", "retain_repo_versions": 1e400}',
    "a list": b"[]",
    "a string": b'"name"',
    "null": b"null",
    "two values": b"{}{}",
    "a name twice as a list": b'{"name": ["a"], "name": ["b"]}',
    "a label with a NUL": b'{"name": "a", "pulp_labels": {"a": "\\u0000"}}',
    "a label whose key is nothing": b'{"name": "a", "pulp_labels": {"": "a"}}',
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_body_that_is_not_what_it_should_be_is_refused(platform, session, body):
    refused(session.post(platform.url("repositories/file/file/"), data=body, headers={"Content-Type": "application/json"}))


TYPES = {
    "text/plain": 415, "application/xml": 415, "image/png": 415, "application/json; charset=utf-16": 400,
    "multipart/form-data": 400, "multipart/form-data; boundary=": 400, "nonsense": 415, "application/jsonp": 415,
    "multipart/form-data; boundary=" + "x" * 5000: 400,
}


@pytest.mark.parametrize("kind", TYPES)
def test_a_body_of_another_type_is_refused(platform, session, kind):
    body = '{"name": "a"}'.encode("utf-16" if "utf-16" in kind else "utf-8")
    answer = refused(session.post(platform.url("repositories/file/file/"), data=body, headers={"Content-Type": kind}))
    assert answer.status_code == TYPES[kind]


# --- queries ----------------------------------------------------------------------------------------------------------

def test_a_limit_of_a_billion_is_a_page(platform, session):
    answer = session.get(platform.url("content/file/files/?limit=1000000000"))
    assert answer.status_code == 200
    assert len(answer.json()["results"]) <= 1000


@pytest.mark.parametrize("offset", [10**9, 2**63, 10**25, -1])
def test_any_offset_is_a_page(platform, session, offset):
    assert session.get(platform.url(f"tasks/?offset={offset}")).status_code == 200


QUERIES = {
    "nested parentheses": "(" * 5000 + "name=a" + ")" * 5000,
    "many NOTs": "NOT " * 5000 + "name=a",
    "many terms": " OR ".join(["name=a"] * 10_000),
    "a long value": "name='" + "a" * 50_000 + "'",
    "a quote that is not closed": "name='" + "\\" * 20_000,
    "spaces": " " * 60_000 + "!",
    "a word that begins like another": "NOT" * 20_000,
}


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_a_query_that_is_too_complex_is_refused(platform, session, query):
    refused(session.get(platform.url(f"repositories/?q={quote(query)}")))


def test_a_query_string_of_ten_thousand_parameters_is_refused(platform, session):
    refused(session.get(platform.url("repositories/?" + "&".join(["name=a"] * 10_000))))


PATTERNS = ["(a+)+$", "(a*)*b", "(x+x+)+y", "((a|a)*)*" * 20, "a{1,255}" * 20, "(" * 1000 + ")" * 1000, r"(\w+)\1\1\1\1$"]


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("lookup", ["regex", "iregex"])
def test_a_pattern_that_explodes_is_cut_off(platform, session, pattern, lookup):
    # A name that is there: a pattern is harmless until it has something to be matched with.
    platform.client.ensure("repositories/file/file/", "a" * 200 + "!", {})
    answer = session.get(platform.url(f"repositories/?name__{lookup}={quote(pattern)}"))
    assert answer.status_code in (200, 400), answer.text[:300]


@pytest.mark.parametrize("pattern", ["(", "[", "*", "a{9999}", "(?<=a)b(", "\\"])
def test_a_pattern_that_is_none_is_refused(platform, session, pattern):
    refused(session.get(platform.url(f"repositories/?name__regex={quote(pattern)}")))


VALUES = {
    "NUL": "name=%00", "not UTF-8": "name=%ff", "an overlong encoding": "name=%c0%80", "a surrogate": "name=%ed%a0%80",
    "an href that is none": "remote=%ff/../", "a number that is none": "retain_repo_versions=1e9",
    "a number of many digits": "retain_repo_versions=" + "9" * 5000, "a range of one": "retain_repo_versions__range=1",
    "a time that never was": "x=1", "a boolean that is none": "retain_repo_versions__isnull=perhaps",
    "an order that is none": "ordering=nothing", "a NUL in an order": "ordering=%00",
    "labels that are none": "pulp_label_select=" + "(" * 1000, "labels with a NUL": "pulp_label_select=a%3D%00",
    "keys that are none": "pulp_id__in=1,2", "many keys": "pulp_id__in=" + ",".join(["0"] * 20_000),
}


@pytest.mark.parametrize("query", VALUES.values(), ids=VALUES)
def test_a_value_that_cannot_be_is_refused(platform, session, query):
    refused(session.get(platform.url(f"repositories/file/file/?{query}")))


PATHS = [
    "%00/", "%ff%fe/", "../../../etc/passwd", "repositories/file/file/%00/", "repositories/file/file/" + "a" * 5000 + "/",
    "repositories/file/file/01900000-0000-7000-8000-000000000000/versions/99999999999999999999/", "users/-1/",
    "users/99999999999999999999/", "groups/%00/", "tasks/not-a-key/", "docs/static/..%2f..%2f..%2fetc/passwd",
    "docs/static/%00", "a/" * 2000,
]


@pytest.mark.parametrize("path", PATHS, ids=[path[:40] for path in PATHS])
def test_a_path_that_leads_nowhere_is_refused(platform, session, path):
    request = requests.Request("GET", platform.api, auth=session.auth).prepare()
    request.url = platform.api + path
    refused(session.send(request, timeout=PATIENCE))


# --- below HTTP -------------------------------------------------------------------------------------------------------

def exchange(platform, data, wait=PATIENCE):
    """Send bytes to the API's port and return the first line of what comes back, empty if it hangs up."""
    host, _, port = platform.facts.api.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=wait) as connection:
        try:
            connection.sendall(data)
            return connection.recv(4096).split(b"\r\n")[0]
        except ConnectionError:
            return b""


def authorization(platform):
    return b"Authorization: Basic " + base64.b64encode(
        f"{platform.facts.username}:{platform.facts.password}".encode()) + b"\r\n"


REQUESTS = {
    "a request line of a megabyte": b"GET /" + b"a" * MiB + b" HTTP/1.1\r\n\r\n",
    "a header of a megabyte": b"GET /pulp/api/v3/status/ HTTP/1.1\r\nHost: a\r\nX: " + b"a" * MiB + b"\r\n\r\n",
    "ten thousand headers": b"GET /pulp/api/v3/status/ HTTP/1.1\r\nHost: a\r\n" + b"X: a\r\n" * 10_000 + b"\r\n",
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\xff" * 500 + b"\r\n\r\n",
    "a length that is none": b"POST /pulp/api/v3/status/ HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n",
    "two lengths": b"POST /pulp/api/v3/status/ HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
    "a chunk that is none": b"POST /pulp/api/v3/status/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
}


@pytest.mark.parametrize("data", REQUESTS.values(), ids=REQUESTS)
def test_what_is_no_request_is_refused(platform, session, data):
    line = exchange(platform, data)
    assert line == b"" or line.split()[1][:1] == b"4", line


CREDENTIALS = ["Basic", "Basic !!!", "Basic " + "a" * 60_000, "Bearer x", "Basic Og==", "Basic /////w==", "Basic YQBiOmM="]


@pytest.mark.parametrize("credentials", CREDENTIALS, ids=[one[:20] for one in CREDENTIALS])
def test_credentials_that_cannot_be_read_are_refused(platform, session, credentials):
    answer = requests.get(platform.url("tasks/"), headers={"Authorization": credentials}, timeout=PATIENCE)
    assert refused(answer).status_code in (400, 401, 431)


def test_a_body_that_never_comes_does_not_hold_up_others(platform, session):
    head = (b"POST /pulp/api/v3/repositories/file/file/ HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
            b"Content-Length: 1000\r\n" + authorization(platform) + b"\r\n{")
    host, _, port = platform.facts.api.removeprefix("http://").partition(":")
    slow = [socket.create_connection((host, int(port))) for _ in range(4)]
    try:
        for connection in slow:
            connection.sendall(head)
        assert session.get(platform.url("tasks/?limit=1"), timeout=PATIENCE).status_code == 200
    finally:
        for connection in slow:
            connection.close()


def test_no_request_of_all_these_was_an_error_of_the_server(platform):
    failed = [line for line in platform.log("api").splitlines() if "request failed" in line]
    assert not failed, "\n\n".join(failed[:10])
