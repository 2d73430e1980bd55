"""The downloader against a real server on loopback that behaves well, badly, and not at all."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import ssl
import time

import pytest
from aiohttp import web

from pulp_actor.models import Remote
from pulp_actor.settings import settings
from pulp_actor.sync import Downloader, DownloadError, run
from tests.support.certificates import Certificate
from tests.support.upstream import Upstream, breaks_off_once, fails, hangs


@pytest.fixture
def upstream():
    with Upstream() as running:
        yield running


@pytest.fixture(autouse=True)
def _own_data_dir(data_dir):
    """Temporary files go into the test's own directory."""


def remote(upstream, **columns):
    return Remote(name="r", type="file.file", url=upstream.url, **columns)


def fetch(row, url, size=None, digests=None):
    """The bytes of a download."""
    async def go():
        async with Downloader(row, first_wait=0.01) as downloader:
            file = await downloader.fetch(url, size, digests)
            data = file.path.read_bytes()
            assert (file.size, file.digests["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
            file.discard()
            assert not file.path.exists()
            return data

    return run(go())


@pytest.mark.parametrize("size", [0, 1, 32 * 1024, 32 * 1024 + 1, 1_000_000])
def test_bytes_arrive_as_they_are(size, upstream):
    data = hashlib.sha256(b"seed").digest() * (size // 32 + 1)
    upstream.files["x"] = data[:size]
    sha256 = hashlib.sha256(data[:size]).hexdigest()
    assert fetch(remote(upstream), f"{upstream.url}x", size, {"sha256": sha256}) == data[:size]


def test_stream_with_headers_and_size(upstream):
    upstream.files["x"] = b"hello"

    async def go():
        async with Downloader(remote(upstream)) as downloader, downloader.open(f"{upstream.url}x") as response:
            return response.status, response.size, response.headers["content-type"], [chunk async for chunk in response]

    assert run(go()) == (200, 5, "application/octet-stream", [b"hello"])


def test_stream_from_an_offset(upstream):
    upstream.files["x"] = b"hello"

    async def go():
        async with Downloader(remote(upstream)) as downloader, downloader.open(f"{upstream.url}x", offset=2) as response:
            return response.status, response.offset, response.size, b"".join([chunk async for chunk in response])

    assert run(go()) == (206, 2, 5, b"llo")


def test_compressed_bytes_stay_compressed(upstream):
    async def gzipped(request):
        return web.Response(body=b"\x1f\x8b not really", headers={"Content-Encoding": "gzip"})

    upstream.handlers["x.gz"] = gzipped
    assert fetch(remote(upstream), f"{upstream.url}x.gz") == b"\x1f\x8b not really"
    assert upstream.headers[0]["Accept-Encoding"] == "identity"


def test_missing_file_is_not_asked_for_again(upstream):
    with pytest.raises(DownloadError, match=r"/x: 404 Not Found$") as caught:
        fetch(remote(upstream), f"{upstream.url}x")
    assert caught.value.status == 404
    assert upstream.requests["x"] == 1


@pytest.mark.parametrize("status", [500, 503, 429])
def test_passing_failure_is_tried_again(status, upstream):
    upstream.handlers["x"] = fails(2, b"at last", status)
    assert fetch(remote(upstream), f"{upstream.url}x") == b"at last"
    assert upstream.requests["x"] == 3


def test_lasting_failure_ends_with_its_reason(upstream):
    upstream.handlers["x"] = fails(99, b"")
    with pytest.raises(DownloadError, match=r"/x: 503 Service Unavailable \(after 2 attempts\)"):
        fetch(remote(upstream, max_retries=1), f"{upstream.url}x")


def test_retry_after_is_respected(upstream):
    times = []

    async def busy(request):
        times.append(time.monotonic())
        return web.Response(body=b"x") if len(times) > 1 else web.Response(status=429, headers={"Retry-After": "1"})

    upstream.handlers["x"] = busy
    assert fetch(remote(upstream), f"{upstream.url}x") == b"x"
    assert times[1] - times[0] >= 0.95


def test_nobody_listens(unused_port):
    with pytest.raises(DownloadError, match=f"http://127.0.0.1:{unused_port}/x: .*{unused_port}"):
        fetch(Remote(name="r", url=f"http://127.0.0.1:{unused_port}/", max_retries=0), f"http://127.0.0.1:{unused_port}/x")


@pytest.fixture
def unused_port():
    import socket

    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        yield one.getsockname()[1]


def test_server_that_says_nothing(upstream):
    event = upstream.event()
    upstream.handlers["x"] = hangs(event)
    with pytest.raises(DownloadError, match="/x: timed out"):
        fetch(remote(upstream, sock_read_timeout=0.1, max_retries=0), f"{upstream.url}x")
    with pytest.raises(DownloadError, match="/x: timed out"):
        fetch(remote(upstream, total_timeout=0.1, max_retries=0), f"{upstream.url}x")
    upstream.set(event)


@pytest.mark.parametrize("size", [20_000, 400_000])
def test_broken_download_goes_on_where_it_stopped(size, upstream):
    data = bytes(range(250)) * (size // 250)
    upstream.handlers["x"] = breaks_off_once(data, 9_000)
    assert fetch(remote(upstream), f"{upstream.url}x", len(data)) == data
    assert upstream.headers[1]["Range"] == "bytes=9000-"


def test_broken_download_begins_anew_where_ranges_are_not_known(upstream):
    data = b"0123456789" * 1000
    whole = fails(0, data)
    first = breaks_off_once(data, 500)

    async def handle(request):
        return await (first if upstream.requests["x"] == 1 else whole)(request)

    upstream.handlers["x"] = handle
    assert fetch(remote(upstream), f"{upstream.url}x", len(data)) == data


def test_short_body_is_not_taken_for_whole(upstream):
    async def short(request):
        response = web.StreamResponse()
        response.content_length = 10
        await response.prepare(request)
        await response.write(b"12345")
        request.transport.close()
        return response

    upstream.handlers["x"] = short
    with pytest.raises(DownloadError, match="broke off"):
        fetch(remote(upstream, max_retries=0), f"{upstream.url}x")


def test_endless_body_is_cut_at_the_expected_size(upstream):
    async def endless(request):
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b"x" * 65536)
        except (ConnectionError, asyncio.CancelledError):
            return response

    upstream.handlers["x"] = endless
    with pytest.raises(DownloadError, match="more than the 100 bytes"):
        fetch(remote(upstream), f"{upstream.url}x", 100)


@pytest.mark.parametrize(("digests", "reason"), [
    ({"sha256": "0" * 64}, f"its sha256 is {hashlib.sha256(b'x').hexdigest()} where {'0' * 64} was expected"),
    ({"sha512": "0" * 128}, "its sha512 is"),
    ({"md5": "0" * 32}, "only md5 is known of it, which ALLOWED_CONTENT_CHECKSUMS does not allow"),
])
def test_other_bytes_than_expected(digests, reason, upstream):
    upstream.files["x"] = b"x"
    with pytest.raises(DownloadError, match=reason):
        fetch(remote(upstream), f"{upstream.url}x", None, digests)


def test_nothing_is_left_of_a_failed_download(upstream, data_dir):
    upstream.files["x"] = b"x" * 100_000
    with pytest.raises(DownloadError):
        fetch(remote(upstream), f"{upstream.url}x", None, {"sha256": "0" * 64})
    assert not list((data_dir / "tmp").iterdir())


def test_credentials_and_headers_go_to_the_remote(upstream):
    upstream.files["x"] = b"x"
    row = remote(upstream, username="me", password="secret", headers=[{"X-One": "1"}, {"X-Two": "2"}])
    fetch(row, f"{upstream.url}x")
    sent = upstream.headers[0]
    assert sent["Authorization"] == f"Basic {base64.b64encode(b'me:secret').decode()}"
    assert (sent["X-One"], sent["X-Two"]) == ("1", "2")


def test_credentials_do_not_go_anywhere_else(upstream):
    upstream.files["y"] = b"y"
    with Upstream() as other:
        other.files["x"] = b"x"

        async def elsewhere(request):
            return web.Response(status=302, headers={"Location": f"{other.url}x"})

        async def here(request):
            return web.Response(status=301, headers={"Location": "/y"})

        upstream.handlers |= {"away": elsewhere, "home": here}
        row = remote(upstream, username="me", password="secret", headers=[{"X-Token": "1"}])
        assert fetch(row, f"{upstream.url}away") == b"x"
        assert fetch(row, f"{upstream.url}home") == b"y"
        assert "Authorization" not in other.headers[0]
        assert "X-Token" not in other.headers[0]
        assert "Authorization" in upstream.headers[-1]


def test_redirects_in_a_loop(upstream):
    async def again(request):
        return web.Response(status=302, headers={"Location": "/x"})

    upstream.handlers["x"] = again
    with pytest.raises(DownloadError, match="redirected more than 10 times"):
        fetch(remote(upstream), f"{upstream.url}x")


def test_redirect_to_a_file(upstream):
    async def to_file(request):
        return web.Response(status=302, headers={"Location": "file:///etc/passwd"})

    upstream.handlers["x"] = to_file
    with pytest.raises(DownloadError, match="refused: redirected to file:///etc/passwd"):
        fetch(remote(upstream), f"{upstream.url}x")


def test_address_that_the_policy_refuses(upstream):
    with settings.override(REMOTE_ADDRESSES="public"), pytest.raises(DownloadError, match=r"refused: .*127\.0\.0\.1"):
        fetch(remote(upstream), f"{upstream.url}x")


def test_at_most_so_many_requests_at_once(upstream):
    running, most = 0, 0

    async def count(request):
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        running -= 1
        return web.Response(body=b"x")

    async def go():
        async with Downloader(remote(upstream, download_concurrency=3)) as downloader:
            for file in await asyncio.gather(*(downloader.fetch(f"{upstream.url}{n}") for n in range(12))):
                file.discard()

    upstream.handlers |= {str(n): count for n in range(12)}
    run(go())
    assert most == 3


def test_at_most_so_many_requests_a_second(upstream):
    upstream.files["x"] = b"x"

    async def go():
        async with Downloader(remote(upstream, rate_limit=20)) as downloader:
            for file in await asyncio.gather(*(downloader.fetch(f"{upstream.url}x") for _ in range(7))):
                file.discard()

    begin = time.monotonic()
    run(go())
    assert time.monotonic() - begin >= 6 / 20


def test_proxy_is_used(upstream):
    """To a proxy, a request names the whole URL; this upstream is the proxy and serves what it is asked for."""
    upstream.files["x"] = b"through the proxy"
    row = Remote(
        name="r", url="http://nowhere.invalid/", proxy_url=upstream.url, proxy_username="p", proxy_password="q")
    assert fetch(row, "http://nowhere.invalid/x") == b"through the proxy"
    assert upstream.headers[0]["Host"] == "nowhere.invalid"
    assert upstream.headers[0]["Proxy-Authorization"] == f"Basic {base64.b64encode(b'p:q').decode()}"


def test_a_cookie_that_a_redirect_sets_comes_along_with_the_next_request(upstream):
    async def let_in(request):
        response = web.Response(status=302, headers={"Location": "/x"})
        response.set_cookie("pass", "granted")
        return response

    async def guarded(request):
        return web.Response(body=b"inside") if request.cookies.get("pass") == "granted" else web.Response(status=403)

    upstream.handlers |= {"door": let_in, "x": guarded}
    assert fetch(remote(upstream), f"{upstream.url}door") == b"inside"
    with pytest.raises(DownloadError, match="403"):
        fetch(remote(upstream), f"{upstream.url}x")


def test_a_client_certificate_is_shown_to_the_remote_and_its_own_authority_is_trusted(tmp_path):
    """The server lets nobody in who shows no certificate of the second authority."""
    authority, clients = Certificate("servers"), Certificate("clients")
    server = Certificate("server", authority, ca=False).write(tmp_path / "server.pem")
    client = Certificate("client", clients, ca=False)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cadata=clients.pem)
    context.load_cert_chain(server)
    context.verify_mode = ssl.CERT_REQUIRED
    with Upstream(tls=context) as upstream:
        upstream.files["x"] = b"secret"
        row = remote(upstream, ca_cert=authority.pem, client_cert=client.pem, client_key=client.key_pem, max_retries=0)
        assert fetch(row, f"{upstream.url}x") == b"secret"
        with pytest.raises(DownloadError, match="its certificate is not trusted"):
            fetch(remote(upstream, max_retries=0, client_cert=client.pem, client_key=client.key_pem), f"{upstream.url}x")
        for columns in ({"ca_cert": authority.pem}, {"ca_cert": authority.pem, "client_cert": server.read_text()}):
            with pytest.raises(DownloadError):
                fetch(remote(upstream, max_retries=0, **columns), f"{upstream.url}x")
        row = remote(upstream, tls_validation=False, client_cert=client.pem, client_key=client.key_pem)
        assert fetch(row, f"{upstream.url}x") == b"secret"


def test_files_of_this_machine(tmp_path, upstream):
    allowed, beside = tmp_path / "in", tmp_path / "in2"
    for folder in (allowed, beside):
        folder.mkdir()
        (folder / "x").write_bytes(b"local")
    row = Remote(name="r", url=f"file://{allowed}/")
    with settings.override(ALLOWED_IMPORT_PATHS=[str(allowed)]):
        assert fetch(row, f"file://{allowed}/x", 5) == b"local"
        with pytest.raises(DownloadError, match="No such file"):
            fetch(row, f"file://{allowed}/y")
        for path in (f"{beside}/x", f"{allowed}/../in2/x", "/etc/passwd"):
            with pytest.raises(DownloadError, match="refused"):
                fetch(row, f"file://{path}")
