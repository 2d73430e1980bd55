"""What is served under which path, and how."""

import asyncio
import gzip
import os
import time

import pytest

from content import hooks
from content.hooks import response_headers
from content.serve import SMALL
from pulp_actor.db import connected, transaction
from pulp_actor.models import Distribution
from pulp_actor.settings import settings
from pulp_actor.storage import get_storage
from pulp_actor.sync.repair import repair
from tests.support.content import Repo, artifact, content_server, distribute, sha256

BIG = os.urandom(300_000)


@pytest.fixture
def repo(connection):
    repo = Repo()
    repo.add({"one.txt": b"first", "dir/two.bin": BIG, "dir/deep/er/three.iso": b"3"})
    distribute("base/path", repository=repo.row)
    return repo


async def test_a_file_of_the_latest_version(repo):
    async with content_server() as client:
        answer = await client.get("base/path/one.txt")
        assert (answer.status, answer.body) == (200, b"first")
        assert answer.headers["Content-Type"] == "text/plain"
        assert answer.headers["ETag"] == f'"{sha256(b"first")}"'
        assert answer.headers["X-PULP-ARTIFACT-SIZE"] == "5"
        assert "Last-Modified" in answer.headers and "Content-Digest" in answer.headers
        answer = await client.get("base/path/dir/two.bin")
        assert (answer.status, answer.body) == (200, BIG)


async def test_head_says_what_get_would(repo):
    async with content_server() as client:
        for path in ("base/path/one.txt", "base/path/dir/two.bin"):
            for headers in ({}, {"Range": "bytes=1-2"}):
                got, head = await client.get(path, headers=headers), await client.head(path, headers=headers)
                assert head.status == got.status and head.body == b""
                same = {name: value for name, value in got.headers.items() if name != "Date"}
                assert {name: value for name, value in head.headers.items() if name != "Date"} == same


async def test_nothing_under_an_unknown_path(repo):
    async with content_server() as client:
        for path in ("base/path/none", "base", "base/", "nowhere/x", "base/path/one.txt/", "base/path/one.txt/x", "base/pa"):
            assert (await client.get(path)).status == 404, path


@pytest.mark.parametrize("target", [
    "/pulp/content/base/path/../../../../etc/passwd", "/pulp/content/base/path/%2e%2e/one.txt",
    "/pulp/content/base/path/..%2fone.txt", "/pulp/content/base/path//one.txt", "/pulp/content//base/path/one.txt",
    "/pulp/content/base/path/one.txt%00", "/pulp/content/base/path/./one.txt", "/pulp/content/base/path/%ff",
    "/pulp/content/base/path/" + "a" * 300, "/pulp/content/base/path/" + "a/" * 2500, "/etc/passwd", "/",
    "/pulp/content", "/pulp/contentbase/path/one.txt",
])
async def test_a_path_that_could_mean_another_is_refused(repo, target):
    async with content_server() as client:
        assert await client.raw(target) in (400, 404)


async def test_a_name_of_ten_kilobytes_is_refused(repo):
    async with content_server() as client:
        assert await client.raw("/pulp/content/base/path/" + "a" * 10_000) in (400, 404, 414)
        assert (await client.get("base/path/one.txt")).status == 200


async def test_names_are_decoded_once(repo):
    repo.add({"dir/a b+c%20ü.txt": b"odd"})
    async with content_server() as client:
        assert await client.raw("/pulp/content/base/path/dir/a%20b+c%2520%C3%BC.txt") == 200


async def test_other_methods_are_refused(repo):
    async with content_server() as client:
        answer = await client.get("base/path/one.txt", "POST")
        assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("path", ["base/path/one.txt", "base/path/dir/two.bin"])
async def test_ranges(repo, path):
    data = b"first" if path.endswith("txt") else BIG
    async with content_server() as client:
        async def get(value, **headers):
            return await client.get(path, headers={"Range": value, **headers})

        for value, (start, end) in {
            "bytes=0-0": (0, 1), "bytes=2-": (2, len(data)), "bytes=-3": (len(data) - 3, len(data)),
            "bytes=1-99999999": (1, len(data)), "bytes=-99999999": (0, len(data)),
        }.items():
            answer = await get(value)
            assert (answer.status, answer.body) == (206, data[start:end]), value
            assert answer.headers["Content-Range"] == f"bytes {start}-{end - 1}/{len(data)}"
        for value in (f"bytes={len(data)}-", "bytes=-0"):
            answer = await get(value)
            assert (answer.status, answer.headers["Content-Range"]) == (416, f"bytes */{len(data)}")
        for value in ("bytes=3-1", "lines=1-2", "bytes=x", "bytes=", "bytes=-"):
            assert (await get(value)).body == data, value
        etag = f'"{sha256(data)}"'
        assert (await get("bytes=0-1", **{"If-Range": etag})).status == 206
        assert (await get("bytes=0-1", **{"If-Range": '"other"'})).body == data


async def test_several_ranges(repo):
    async with content_server() as client:
        answer = await client.get("base/path/dir/two.bin", headers={"Range": "bytes=0-9,1000-1009,5-12"})
        assert answer.status == 206
        boundary = answer.headers["Content-Type"].partition("boundary=")[2]
        parts = answer.body.split(f"--{boundary}".encode())
        assert len(parts) == 4 and parts[-1] == b"--\r\n"
        assert parts[1].partition(b"\r\n\r\n")[2] == BIG[:13] + b"\r\n"
        assert b"Content-Range: bytes 1000-1009/300000" in parts[2]


async def test_conditions(repo):
    async with content_server() as client:
        async def status(**headers):
            headers = {name.replace("_", "-"): value for name, value in headers.items()}
            return (await client.get("base/path/one.txt", headers=headers)).status

        first = await client.get("base/path/one.txt")
        etag, date = first.headers["ETag"], first.headers["Last-Modified"]
        assert await status(If_None_Match=etag) == 304
        assert await status(If_None_Match=f'"x", W/{etag}') == 304
        assert await status(If_None_Match='"x"', If_Modified_Since=date) == 200
        assert await status(If_Modified_Since=date) == 304
        assert await status(If_Modified_Since="Thu, 01 Jan 1970 00:00:00 GMT") == 200
        assert await status(If_Match=etag) == 200
        assert await status(If_Match='"x"') == 412
        assert await status(If_Unmodified_Since="Thu, 01 Jan 1970 00:00:00 GMT") == 412
        assert await status(If_Unmodified_Since=date) == 200
        unchanged = await client.get("base/path/one.txt", headers={"If-None-Match": etag})
        assert unchanged.body == b"" and unchanged.headers["ETag"] == etag


async def test_a_compressed_file_is_sent_as_it_is(repo):
    packed = gzip.compress(b"x" * 100_000)
    repo.add({"list.gz": packed, "list": b"plain"})
    async with content_server() as client:
        for path, data in (("list.gz", packed), ("list", b"plain")):
            answer = await client.get(f"base/path/{path}", headers={"Accept-Encoding": "gzip, br"})
            assert answer.body == data
            assert "Content-Encoding" not in answer.headers
        assert (await client.get("base/path/list.gz")).headers["Content-Type"] == "application/gzip"


async def test_a_fixed_version_and_a_newer_one(repo):
    old = repo.version
    repo.add({"one.txt": b"second"}, remove=("dir/two.bin",))
    distribute("old", repository_version=old)
    async with content_server() as client:
        assert (await client.get("base/path/one.txt")).body == b"second"
        assert (await client.get("base/path/dir/two.bin")).status == 404
        assert (await client.get("old/one.txt")).body == b"first"
        assert (await client.get("old/dir/two.bin")).body == BIG


async def test_an_unfinished_version_is_not_served(repo):
    from pulp_actor.models import RepositoryVersion

    RepositoryVersion.create(repository=repo.row, number=repo.version.number + 1)
    repo.put("one.more", b"x", repo.version.number + 1)
    async with content_server() as client:
        assert (await client.get("base/path/one.more")).status == 404
        assert (await client.get("base/path/one.txt")).status == 200


async def test_a_publication(repo):
    publication = repo.publish({"MANIFEST": b"written"}, pass_through=False, **{"other/name": "one.txt"})
    distribute("published", publication=publication)
    async with content_server() as client:
        assert (await client.get("published/MANIFEST")).body == b"written"
        assert (await client.get("published/other/name")).body == b"first"
        assert (await client.get("published/one.txt")).status == 404
        # A distribution of the repository serves its latest publication, too.
        assert (await client.get("base/path/MANIFEST")).body == b"written"


async def test_a_publication_that_passes_through(repo):
    distribute("published", publication=repo.publish({"MANIFEST": b"1"}))
    repo.add({"one.txt": b"newer"})
    async with content_server() as client:
        assert (await client.get("published/MANIFEST")).body == b"1"
        assert (await client.get("published/one.txt")).body == b"first"


async def test_a_distribution_that_serves_nothing(connection):
    distribute("empty")
    async with content_server() as client:
        for path in ("empty", "empty/", "empty/x"):
            assert (await client.get(path)).status == 404


async def test_an_empty_file(repo):
    repo.add({"empty": b""})
    async with content_server() as client:
        answer = await client.get("base/path/empty")
        assert (answer.status, answer.body, answer.headers["Content-Length"]) == (200, b"", "0")


async def test_a_change_is_seen_within_a_tenth_of_a_second(repo):
    delays = []
    async with content_server() as client:
        for number in range(5):
            before = (await client.get("base/path/one.txt")).body
            data = b"change %d" % number
            version = await asyncio.to_thread(_commit, repo, data)
            committed = time.monotonic()
            while (await client.get("base/path/one.txt")).body == before:
                assert time.monotonic() - committed < 10
            delays.append(time.monotonic() - committed)
            assert (await client.get("base/path/one.txt")).body == data, version
    # A busy machine holds some of them up; one that waited for anything but to be told would hold up all.
    assert min(delays) < 0.1, delays


def _commit(repo, data):
    with connected():
        return repo.add({"one.txt": data}).number


async def test_a_moved_distribution_is_followed(repo):
    async with content_server() as client:
        assert (await client.get("base/path/one.txt")).status == 200
        assert (await client.get("elsewhere/one.txt")).status == 404
        with transaction():
            Distribution.update(base_path="elsewhere").execute()
        await client.until("base/path/one.txt", lambda answer: answer.status == 404)
        assert (await client.get("elsewhere/one.txt")).status == 200


@pytest.mark.parametrize(("name", "data"), [("one.txt", b"first"), ("dir/two.bin", BIG)])
async def test_a_file_that_is_missing_or_damaged_on_disk(repo, capsys, caplog, name, data):
    stored = artifact(data)
    path = get_storage().local_path(stored.file)
    faults = [data[:-1], data + b"x", None]
    if len(data) <= SMALL:
        faults.append(b"x" * len(data))  # of larger ones only repair sees that
    for fault in faults:
        async with content_server() as client:
            path.unlink()
            if fault is not None:
                path.write_bytes(fault)
            capsys.readouterr()
            caplog.clear()
            assert (await client.get(f"base/path/{name}")).status in (404, 502)
            # Where it is said depends on whether a test of this process has configured logging.
            assert "the store lacks the bytes of an artifact" in capsys.readouterr().out + caplog.text
            found = await asyncio.to_thread(_repair, repo.version)
            assert (found.missing, found.corrupted) == ((0, 1) if fault is not None else (1, 0))
            path.write_bytes(data)
            assert (await client.get(f"base/path/{name}")).body == data


def _repair(version):
    with connected():
        return repair(version)


async def test_a_plugin_adds_headers(repo):
    @response_headers("file.file")
    def add(view, file):
        return {"X-Base": view.base_path, "X-Path": file.path, "Content-Type": "text/x-odd"}

    try:
        async with content_server() as client:
            for path in ("one.txt", "dir/two.bin"):
                for method in ("GET", "HEAD"):
                    for headers in ({}, {"Range": "bytes=0-1"}):
                        answer = await client.get(f"base/path/{path}", method, headers=headers)
                        assert answer.headers["X-Base"] == "base/path" and answer.headers["X-Path"] == path
                        assert answer.headers["Content-Type"] == "text/x-odd"
    finally:
        hooks._headers.pop("file.file")


async def test_the_root(repo):
    distribute("secret", hidden=True)
    async with content_server() as client:
        head = await client.head("")
        assert (head.status, head.headers["Content-Length"]) == (200, "7")
        assert head.headers["Content-Type"] == "text/html; charset=utf-8"
        answer = await client.get("")
        assert answer.status == 200 and b"base/path/" in answer.body and b"secret" not in answer.body


async def test_domains_come_first_in_the_path(repo):
    with settings.override(DOMAIN_ENABLED=True):
        async with content_server() as client:
            assert (await client.get("default/base/path/one.txt")).body == b"first"
            assert (await client.get("base/path/one.txt")).status == 404
            assert (await client.get("other/base/path/one.txt")).status == 404
