"""Content guards: enforced on every path, cached or not, for GET, HEAD, ranges and listings."""

import base64
import json
import time
from urllib.parse import quote, urlsplit

import pytest

from content.service import load_hooks
from pulp_actor.models import ContentGuard, User
from pulp_actor.security.passwords import hash_password
from pulp_actor.security.signing import signed_url
from tests.support.certificates import Certificate
from tests.support.content import Repo, content_server, distribute, remote

PATHS = ("repo", "repo/", "repo/f", "repo/dir", "repo/dir/", "repo/dir/g", "repo/unsaved", "repo/none")


@pytest.fixture(autouse=True)
def checkers():
    load_hooks()


@pytest.fixture
def guarded(connection):
    """Makes a repository behind a guard of a type."""
    def make(type_, **details):
        guard = ContentGuard.create(type=type_, name=f"{type_} guard", details=details)
        repo = Repo()
        repo.add({"f": b"secret", "dir/g": b"x" * 100_000})
        repo.add_remote("unsaved", b"data", remote("http://127.0.0.1:9/", max_retries=0))
        distribute("repo", repository=repo.row, content_guard=guard)
        return guard

    return make


async def refuses(client, status=403, **headers):
    for path in PATHS:
        for _ in range(2):
            for method in ("GET", "HEAD"):
                for extra in ({}, {"Range": "bytes=0-1"}):
                    answer = await client.get(path, method, headers={**headers, **extra})
                    assert answer.status == status, (path, method)
                    assert b"secret" not in answer.body


async def admits(client, **headers):
    assert (await client.get("repo/f", headers=headers)).body == b"secret"
    assert (await client.get("repo/dir/", headers=headers)).status == 200
    assert (await client.head("repo/dir/g", headers=headers)).status == 200
    assert (await client.get("repo/none", headers=headers)).status == 404


async def test_header(guarded):
    guarded("core.header", header_name="X-Org", header_value="acme")
    async with content_server() as client:
        await refuses(client)
        await refuses(client, **{"X-Org": "acm"})
        await admits(client, **{"x-org": "acme"})
        await refuses(client, **{"X-Org": "acme2"})


async def test_two_headers_are_refused(guarded):
    from multidict import CIMultiDict

    guarded("core.header", header_name="X-Org", header_value="acme")
    async with content_server() as client:
        headers = CIMultiDict([("X-Org", "acme"), ("X-Org", "evil")])
        assert (await client.get("repo/f", headers=headers)).status == 403


async def test_header_with_a_filter(guarded):
    guarded("core.header", header_name="X-Identity", header_value="123", jq_filter=".identity.org_id")
    async with content_server() as client:
        for value in ("123", 123):
            plain = json.dumps({"identity": {"org_id": value}})
            await admits(client, **{"X-Identity": plain})
            await admits(client, **{"X-Identity": base64.b64encode(plain.encode()).decode()})
        for wrong in ('{"identity": {"org_id": "1234"}}', "{", "[]", "123", '{"identity": null}', "!!!", "bnVsbA=="):
            await refuses(client, **{"X-Identity": wrong})


@pytest.mark.parametrize("jq_filter", ["env.PATH", "$ENV.PATH", "input", ".identity |", '"x" | debug'])
async def test_a_filter_that_is_wrong_or_reaches_out_lets_nobody_through(guarded, jq_filter):
    guarded("core.header", header_name="X-Identity", header_value="x", jq_filter=jq_filter)
    async with content_server() as client:
        await refuses(client, **{"X-Identity": "{}"})


async def test_environment_header(guarded, monkeypatch):
    guarded("core.envvar_header", header_name="X-Key", env_var="GUARD_KEY")
    async with content_server() as client:
        await refuses(client, **{"X-Key": ""})
        monkeypatch.setenv("GUARD_KEY", "")
        await refuses(client, **{"X-Key": ""})
        monkeypatch.setenv("GUARD_KEY", "s3cret")
        await refuses(client, **{"X-Key": "other"})
        await admits(client, **{"X-Key": "s3cret"})


async def test_signed_urls(guarded):
    guard = guarded("core.content_redirect")
    async with content_server() as client:
        async def get(path, query):
            return await client.get(f"{path}?{query}")

        query = urlsplit(signed_url(guard.id, "repo/f", 60)).query
        assert (await get("repo/f", query)).body == b"secret"
        assert (await client.head(f"repo/f?{query}")).status == 200
        await refuses(client)
        assert (await get("repo/dir/g", query)).status == 403
        assert (await get("repo/f", query.replace("expires=", "expires=9"))).status == 403
        assert (await get("repo/f", query[:-1])).status == 403
        assert (await get("repo/f", urlsplit(signed_url(guard.id, "repo/f", -1)).query)).status == 403
        assert (await get("repo/f", f"expires={int(time.time()) + 60}&validate_token=ü")).status == 403
        assert (await get("repo/f", "expires=²&validate_token=x")).status == 403


async def test_users(guarded):
    guarded("core.rbac")
    User.create(username="root", password=hash_password("pw"), is_superuser=True)
    User.create(username="joe", password=hash_password("pw"))
    User.create(username="gone", password=hash_password("pw"), is_superuser=True, is_active=False)

    def basic(text):
        return {"Authorization": f"Basic {base64.b64encode(text.encode()).decode()}"}

    async with content_server() as client:
        await refuses(client, 401)
        assert (await client.get("repo/f")).headers["WWW-Authenticate"].startswith("Basic")
        for wrong in ("root:wrong", "nobody:pw", "gone:pw", "rootpw", "root\0:pw"):
            assert (await client.get("repo/f", headers=basic(wrong))).status == 401, wrong
        for wrong in ("Basic !", "Basic", "Bearer x"):
            assert (await client.get("repo/f", headers={"Authorization": wrong})).status == 401
        assert (await client.get("repo/f", headers=basic("joe:pw"))).status == 403
        await admits(client, **basic("root:pw"))


async def test_composite(guarded):
    def header(value):
        details = {"header_name": "X-Org", "header_value": value}
        return ContentGuard.create(type="core.header", name=value, details=details)

    guarded("core.composite", guards=[str(header("a").id), str(header("b").id)])
    async with content_server() as client:
        await refuses(client)
        await refuses(client, **{"X-Org": "c"})
        await admits(client, **{"X-Org": "a"})
        await admits(client, **{"X-Org": "b"})


async def test_an_empty_composite_lets_nobody_through(guarded):
    guarded("core.composite", guards=[])
    async with content_server() as client:
        await refuses(client)


async def test_a_changed_guard_counts_at_once(guarded):
    import asyncio

    guard = guarded("core.header", header_name="X-Org", header_value="acme")
    async with content_server() as client:
        await admits(client, **{"X-Org": "acme"})
        guard.details = {"header_name": "X-Org", "header_value": "other"}
        guard.save()
        await asyncio.sleep(0.1)
        await refuses(client, **{"X-Org": "acme"})


async def test_client_certificates(guarded):
    authority = Certificate()
    guarded("certguard.x509", ca_certificate=authority.pem)
    good = Certificate("client", authority, ca=False).pem
    async with content_server() as client:
        await refuses(client)
        for encoded in (quote(good), good.replace("\n", " ")):
            await admits(client, **{"X-CLIENT-CERT": encoded})
        stranger = Certificate("client", Certificate(), ca=False).pem
        expired = Certificate("client", authority, ca=False, days=-1).pem
        by_client = Certificate("client", Certificate("c", authority, ca=False), ca=False).pem
        for wrong in (stranger, expired, by_client, "nonsense"):
            await refuses(client, **{"X-CLIENT-CERT": quote(wrong)})


async def test_entitlements(guarded):
    authority = Certificate()
    guarded("certguard.rhsm", ca_certificate=authority.pem)
    async with content_server() as client:
        async def status(path, *paths):
            certificate = Certificate("client", authority, ca=False, paths=paths).pem
            return (await client.get(path, headers={"X-CLIENT-CERT": quote(certificate)})).status

        assert await status("repo/dir/g", "/repo/dir") == 200
        assert await status("repo/dir/g", "/nothing", "/$name/dir") == 200
        assert await status("repo/f", "/repo/dir") == 403
        assert await status("repo/f", "/rep") == 403
        assert await status("repo/f", "/") == 403
        assert await status("repo/f") == 403
