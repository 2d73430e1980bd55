"""The content server behind a real nginx: files that nginx sends itself, and TLS that ends there."""

import asyncio
import contextlib
import gzip
import os
import ssl
from pathlib import Path

import aiohttp
import pytest

from content.service import load_hooks
from pulp_actor.models import ContentGuard
from pulp_actor.settings import settings
from pulp_actor.storage import get_storage
from tests.support.certificates import Certificate
from tests.support.content import Client, Repo, artifact, content_server, distribute, sha256
from tests.support.nginx import needed, nginx

BIG = os.urandom(300_000)
PACKED = gzip.compress(b"x" * 100_000)


#: What docs/content-server.md tells people to write.
PASSED_ON = " ".join(
    line.strip() for line in (Path(__file__).parents[3] / "docs" / "content-server.md").read_text().splitlines()
    if line.strip().startswith("add_header"))


@contextlib.asynccontextmanager
async def behind_nginx(folder, server="", **listen):
    """A client of an nginx that passes everything on to a content server."""
    needed()
    folder.mkdir(parents=True, exist_ok=True)
    async with content_server() as inner:
        directives = f"location / {{ proxy_pass {inner.base}; proxy_buffering off; {server} }}"
        if settings.CONTENT_OFFLOAD:
            directives += f" location /internal-media/ {{ internal; alias {settings.data_dir}/media/; {PASSED_ON} }}"
        with contextlib.ExitStack() as stack:
            directives += listen.pop("more", "")
            port = await asyncio.to_thread(stack.enter_context, nginx(folder, directives, **listen))
            scheme = "https" if listen else "http"
            async with aiohttp.ClientSession(auto_decompress=False) as session:
                yield Client(session, f"{scheme}://127.0.0.1:{port}", inner.server)


@pytest.fixture
def repo(connection):
    repo = Repo()
    repo.add({"dir/a b.bin": BIG, "small.txt": b"data", "list.gz": PACKED})
    distribute("repo", repository=repo.row)
    return repo


@pytest.mark.parametrize("offload", ["", "x-accel-redirect"])
async def test_files_come_through_as_they_are(repo, tmp_path, offload):
    with settings.override(CONTENT_OFFLOAD=offload):
        async with behind_nginx(tmp_path / "nginx") as client:
            for path, data in (("dir/a%20b.bin", BIG), ("small.txt", b"data"), ("list.gz", PACKED)):
                answer = await client.get(f"repo/{path}", headers={"Accept-Encoding": "gzip"})
                assert (answer.status, answer.body) == (200, data)
                assert "Content-Encoding" not in answer.headers and "X-Accel-Redirect" not in answer.headers
                assert answer.headers["X-PULP-ARTIFACT-SIZE"] == answer.headers["Content-Length"] == str(len(data))
                assert answer.headers["ETag"] == f'"{sha256(data)}"'
                head = await client.head(f"repo/{path}")
                assert head.headers["Content-Length"] == str(len(data))
            assert answer.headers["Content-Type"] == "application/gzip"
            assert (await client.get("repo/none")).status == 404
            assert (await client.get("repo/")).status == 200


@pytest.mark.parametrize("offload", ["", "x-accel-redirect"])
async def test_ranges_and_conditions(repo, tmp_path, offload):
    with settings.override(CONTENT_OFFLOAD=offload):
        async with behind_nginx(tmp_path / "nginx") as client:
            async def get(**headers):
                return await client.get(
                    "repo/dir/a%20b.bin", headers={name.replace("_", "-"): value for name, value in headers.items()})

            whole = await get()
            etag = whole.headers["ETag"]
            part = await get(Range="bytes=10-19")
            assert (part.status, part.body) == (206, BIG[10:20])
            # The digest of the whole is not that of the part.
            assert "Content-Digest" not in part.headers
            assert part.headers["Repr-Digest"] == whole.headers["Content-Digest"]
            assert (await get(Range="bytes=-3", If_Range=etag)).body == BIG[-3:]
            assert (await get(Range="bytes=-3", If_Range='"other"')).body == BIG
            assert (await get(Range="bytes=999999-")).status == 416
            assert (await get(If_None_Match=etag)).status == 304
            assert (await get(If_Match='"other"')).status == 412


async def test_a_file_that_is_lost_is_not_found(repo, tmp_path):
    with settings.override(CONTENT_OFFLOAD="x-accel-redirect"):
        async with behind_nginx(tmp_path / "nginx") as client:
            get_storage().local_path(artifact(b"data").file).unlink()
            assert (await client.get("repo/small.txt")).status == 404


async def test_tls_that_ends_at_the_proxy(connection, tmp_path):
    load_hooks()
    authority = Certificate()
    repo = Repo()
    repo.add({"f": b"secret"})
    for type_, base in (("certguard.x509", "repo"), ("certguard.rhsm", "entitled/repo")):
        guard = ContentGuard.create(type=type_, name=type_, details={"ca_certificate": authority.pem})
        distribute(base, repository=repo.row, content_guard=guard)
    server = Certificate("localhost", ca=False).write(tmp_path / "tls.pem")
    # nginx asks for a certificate and hands on any; whether it is good is for the guard to say.
    tls = f" ssl_certificate {server}; ssl_certificate_key {server}; ssl_verify_client optional_no_ca;"
    async with behind_nginx(
        tmp_path / "nginx", "proxy_set_header X-CLIENT-CERT $ssl_client_escaped_cert;", listen="ssl", more=tls,
    ) as client:
        async def status(path, certificate=None):
            context = ssl.create_default_context(cafile=server)
            if certificate is not None:
                context.load_cert_chain(certificate.write(tmp_path / "client.pem"))
            # A session of its own: a connection is kept under the certificate that it was made with.
            async with aiohttp.ClientSession() as session:
                # What the client itself claims in the header is replaced by the proxy.
                forged = {"X-CLIENT-CERT": "x"}
                async with session.get(client.url(path), ssl=context, headers=forged) as response:
                    return response.status

        good = Certificate("client", authority, ca=False, paths=["/entitled/$any"])
        assert await status("repo/f", good) == await status("entitled/repo/f", good) == 200
        assert await status("entitled/repo/f", Certificate("client", authority, ca=False)) == 403
        for certificate in (None, Certificate("client", Certificate(), ca=False)):
            assert await status("repo/f", certificate) == await status("entitled/repo/f", certificate) == 403
        assert await status("repo/f", Certificate("client", authority, ca=False, days=-1)) == 400  # nginx says so
