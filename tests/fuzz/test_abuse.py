"""Requests that are large, deep or costly: the API says what is wrong with each, soon, and stays small."""

from __future__ import annotations

import json
import time

import psutil
import pytest


def rss(platform) -> int:
    """Bytes that the API's processes hold."""
    processes = [
        one for one in psutil.Process(platform.process.pid).children(recursive=True)
        if any("api.service" in word or "pulp-api" in word for word in one.cmdline())
    ]
    return sum(one.memory_info().rss for one in processes)


DEEP = b"[" * 2_000_000
REPOSITORIES = "repositories/file/file/"


@pytest.mark.parametrize(("body", "status"), [
    (DEEP, 400), (b'{"a":' * 1_000_000, 400), (b"\xff" * 1_000_000, 400), (b'"' + b"a" * 9_000_000, 400),
    (b'{"name": "' + b"a" * 9_000_000 + b'"}', 400), (json.dumps({str(n): n for n in range(200_000)}).encode(), 400),
    (b'{"name": "x", "pulp_labels": {' + b",".join(b'"%d": "x\\u0000"' % n for n in range(10_000)) + b"}}", 400),
])
def test_bodies(platform, body, status):
    began = time.monotonic()
    answer = platform.session.post(
        platform.url(REPOSITORIES), data=body, headers={"Content-Type": "application/json"}, timeout=30)
    assert answer.status_code == status, answer.text[:300]
    assert time.monotonic() - began < 10


def test_a_hundred_megabytes_are_refused_unread(platform):
    before = rss(platform)
    for kind in ("application/json", "application/x-www-form-urlencoded"):
        answer = platform.session.post(
            platform.url(REPOSITORIES), data=b" " * 100_000_000, headers={"Content-Type": kind}, timeout=60)
        assert answer.status_code == 413
    assert rss(platform) - before < 50_000_000


def test_a_file_of_a_hundred_megabytes_is_never_in_memory(platform):
    before = rss(platform)
    answer = platform.session.post(
        platform.url("artifacts/"), files={"file": b"x" * 100_000_000}, data={"size": "1"}, timeout=120)
    assert answer.status_code == 400
    assert rss(platform) - before < 50_000_000


@pytest.mark.parametrize(("query", "statuses"), [
    ("limit=1000000000", (200,)), ("offset=99999999999999999999999999", (200,)), ("name=%ff%fe", (400,)),
    ("name=" + "a" * 7_000, (200,)), ("&".join(f"a{n}=1" for n in range(2_000))[:7_000], (400,)),
    ("q=" + "(" * 3_000, (400,)), ("q=" + "NOT%20" * 1_000 + "name=a", (400,)),
    ("q=" + "%20OR%20".join(["name=a"] * 500), (400,)), ("ordering=" + "name," * 1_000, (400,)),
    ("pulp_label_select=" + "a," * 2_000, (200, 400)), ("fields=" + "x," * 2_000, (200,)),
    ("name__in=" + "a," * 3_000, (400,)), ("name__regex=" + "(a*)*" * 50 + "%241b", (200, 400)),
    ("name__regex=" + "(((((a{1,200}){1,200}){1,200})))", (400,)), ("name__regex=%5B", (400,)),
])
def test_queries(platform, query, statuses):
    began = time.monotonic()
    answer = platform.session.get(platform.url(REPOSITORIES) + "?" + query, timeout=30)
    assert answer.status_code in statuses, answer.text[:300]
    assert time.monotonic() - began < 10


def test_it_still_works(platform):
    assert platform.session.get(platform.url("status/"), timeout=10).status_code == 200
