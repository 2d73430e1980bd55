"""The content server's parts that need no server: paths, ranges, media types, what is remembered."""

import random

import pytest

from content.cache import Cache
from content.paths import BadPath, content_path, encode, prefixes
from content.ranges import NotSatisfiable, Validators, precondition, requested_ranges
from content.serve import Plan, SmallFiles
from content.types import content_type

VALIDATORS = Validators('"tag"', "Sat, 31 Jan 2026 12:00:00 GMT")


@pytest.mark.parametrize(("raw", "path"), [
    ("/c/", ""), ("/c/a", "a"), ("/c/a/b/", "a/b/"), ("/c/a%20b", "a b"), ("/c/%C3%BC", "ü"), ("/c/a+b", "a+b"),
    ("/c/a%252e", "a%2e"), ("/c/...", "..."), ("/c/a..b", "a..b"), ("/c/.hidden", ".hidden"),
])
def test_paths_that_are_taken(raw, path):
    assert content_path(raw, "/c/") == path
    assert content_path("/c/" + encode(path), "/c/") == path


@pytest.mark.parametrize("raw", [
    "/c", "/d/a", "/c//", "/c/a//b", "/c//a", "/c/..", "/c/../a", "/c/a/..", "/c/a/../b", "/c/%2e%2e/a", "/c/%2E./a",
    "/c/.", "/c/a/./b", "/c/a%00", "/c/a%2f%2fb", "/c/%2fa", "/c/%ff", "/c/" + "a" * 256, "/c/" + "a/" * 3000, "",
])
def test_paths_that_are_refused(raw):
    with pytest.raises(BadPath):
        content_path(raw, "/c/")


def test_prefixes():
    assert prefixes("a/b/c") == ["a", "a/b", "a/b/c"]
    assert prefixes("a/b/") == ["a", "a/b"]


@pytest.mark.parametrize(("text", "ranges"), [
    ("bytes=0-9", [(0, 10)]), ("bytes=90-", [(90, 100)]), ("bytes=-10", [(90, 100)]), ("bytes=-1000", [(0, 100)]),
    ("bytes=99-1000", [(99, 100)]), ("BYTES=0-0, 5-6 ,", [(0, 1), (5, 7)]), ("bytes=0-5,3-9", [(0, 10)]),
    ("bytes=50-59,0-9,55-70", [(50, 71), (0, 10)]), ("bytes=0-9,200-300", [(0, 10)]),
    ("bytes=0-1,2-3,4-5", [(0, 6)]),
])
def test_ranges(text, ranges):
    assert requested_ranges({"Range": text}, VALIDATORS, 100) == ranges


@pytest.mark.parametrize("text", [
    "bytes=9-0", "bytes=a-b", "bytes=1", "bytes=--1", "bytes=1-2-3", "bytes 0-1", "chars=0-1", "bytes=", "bytes=-",
    "bytes=+1-2", "bytes=" + ",".join(f"{2 * number}-{2 * number}" for number in range(17)), "bytes=٣-٤",
])
def test_ranges_that_are_ignored(text):
    assert requested_ranges({"Range": text}, VALIDATORS, 100) is None


@pytest.mark.parametrize(("text", "size"), [("bytes=100-", 100), ("bytes=-0", 100), ("bytes=0-", 0), ("bytes=-5", 0)])
def test_ranges_that_cannot_be_satisfied(text, size):
    with pytest.raises(NotSatisfiable):
        requested_ranges({"Range": text}, VALIDATORS, size)


def test_ranges_never_amount_to_more_than_the_file():
    dice = random.Random(1)
    for _ in range(500):
        parts = [f"{dice.randrange(100)}-{dice.randrange(100)}" for _ in range(dice.randrange(1, 16))]
        ranges = requested_ranges({"Range": "bytes=" + ",".join(parts)}, VALIDATORS, 100) or []
        seen = [position for start, end in ranges for position in range(start, end)]
        assert len(seen) == len(set(seen)) and all(0 <= position < 100 for position in seen)


def test_a_range_needs_its_condition():
    for condition, holds in (
        ('"tag"', True), ('"other"', False), ('W/"tag"', False), ("Sat, 31 Jan 2026 12:00:00 GMT", True),
        ("Sat, 31 Jan 2026 12:00:01 GMT", False), ("nonsense", False),
    ):
        found = requested_ranges({"Range": "bytes=0-0", "If-Range": condition}, VALIDATORS, 100)
        assert (found is not None) == holds, condition


@pytest.mark.parametrize(("headers", "status"), [
    ({}, None), ({"If-None-Match": '"tag"'}, 304), ({"If-None-Match": "*"}, 304), ({"If-None-Match": 'W/"tag"'}, 304),
    ({"If-None-Match": '"a", "tag"'}, 304), ({"If-None-Match": '"a"'}, None), ({"If-Match": '"tag"'}, None),
    ({"If-Match": 'W/"tag"'}, 412), ({"If-Match": "*"}, None), ({"If-Match": '"a"'}, 412),
    ({"If-Modified-Since": "Sat, 31 Jan 2026 12:00:00 GMT"}, 304),
    ({"If-Modified-Since": "Sat, 31 Jan 2026 13:00:00 GMT"}, None), ({"If-Modified-Since": "x"}, None),
    ({"If-Unmodified-Since": "Sat, 31 Jan 2026 11:59:59 GMT"}, 412),
    ({"If-Unmodified-Since": "Sat, 31 Jan 2026 12:00:00 GMT"}, None), ({"If-Unmodified-Since": "x"}, None),
    ({"If-None-Match": '"a"', "If-Modified-Since": "Sat, 31 Jan 2026 12:00:00 GMT"}, None),
    ({"If-Match": '"tag"', "If-None-Match": '"tag"'}, 304),
])
def test_preconditions(headers, status):
    assert precondition(headers, VALIDATORS) == status


def test_the_length_of_several_ranges_is_known_before_they_are_sent():
    plan = Plan.make(100, {"Content-Type": "text/plain"}, [(0, 10), (50, 60)])
    data = bytes(range(100))
    body = b"".join(before + data[start:end] for before, start, end in plan.parts) + plan.end
    assert len(body) == plan.length


@pytest.mark.parametrize(("path", "type_"), [
    ("a/b.txt", "text/plain"), ("x.tar.gz", "application/gzip"), ("PULP_MANIFEST", "application/octet-stream"),
    ("a.rpm", "application/x-rpm"), ("repomd.xml", "application/xml"), ("x.json", "application/json"),
    ("primary.xml.zst", "application/zstd"), ("http://x/y.html", "text/html"), ("a.deb/", "application/octet-stream"),
])
def test_media_types(path, type_):
    assert content_type(path).replace("text/xml", "application/xml") == type_


def test_small_files_are_bounded_by_their_bytes():
    files = SmallFiles(total=10)
    files.put("a", b"12345")
    files.put("b", b"12345")
    assert files.get("a") == b"12345"
    files.put("c", b"1")
    assert files.get("b") is None and files.get("a") and files.get("c") == b"1"


class Hub:
    """Stands for a listening connection."""

    def __init__(self):
        import threading

        self.connected = threading.Event()
        self.connected.set()

    def subscribe(self, channel, callback):
        self.notify = callback


def test_the_cache_forgets_everything_at_a_change():
    cache, hub = Cache(), Hub()
    cache.listen(hub)
    cache.put("a", 1, cache.generation)
    assert cache.get("a") == 1
    hub.notify("")
    assert cache.get("a") is None


def test_an_answer_that_a_change_overtook_is_not_kept():
    cache = Cache()
    before = cache.generation
    cache.clear()
    cache.put("a", 1, before)
    assert cache.get("a") is None


def test_without_news_the_cache_answers_only_in_need():
    cache, hub = Cache(), Hub()
    cache.listen(hub)
    cache.put("a", 1, cache.generation)
    hub.connected.clear()
    assert cache.get("a") is None and cache.get_stale("a") == 1
    cache.put("b", 2, cache.generation)
    assert cache.get_stale("b") is None


def test_the_cache_is_bounded_and_misses_push_out_no_hits():
    cache = Cache(size=2, negatives=2)
    for number in range(3):
        cache.put(number, True, 0)
    for number in range(10, 20):
        cache.put(number, True, 0, negative=True)
    assert [number for number in range(20) if cache.get(number)] == [1, 2, 18, 19]
