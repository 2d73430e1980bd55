"""Content guards: enforced on every path, cached or not, for GET, HEAD, ranges and listings."""

import asyncio
import base64
import json
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urlsplit

import pytest
from multidict import CIMultiDict

from content.service import load_hooks
from pulp_actor.models import ContentGuard, Group, GroupMember, Role, RoleAssignment, User
from pulp_actor.security import passwords
from pulp_actor.security.passwords import hash_password
from pulp_actor.security.permissions import DOWNLOAD
from pulp_actor.security.signing import signed_url
from pulp_actor.security.tokens import make_token
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


async def test_a_header_that_is_nested_too_deep_to_be_read_is_refused(guarded):
    guarded("core.header", header_name="X-Identity", header_value="123", jq_filter=".identity")
    deep = "[" * 5_000
    async with content_server() as client:
        for value in (deep, base64.b64encode(deep.encode()).decode()):
            assert (await client.get("repo/f", headers={"X-Identity": value})).status == 403


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


def basic(username, password="pw"):
    return {"Authorization": f"Basic {base64.b64encode(f'{username}:{password}'.encode()).decode()}"}


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def downloader(connection):
    """A role that lets download."""
    return Role.create(name="test.downloader", permissions=[DOWNLOAD])


async def test_users(guarded):
    guarded("core.rbac")
    User.create(username="root", password=hash_password("pw"), is_superuser=True)
    User.create(username="joe", password=hash_password("pw"))
    User.create(username="gone", password=hash_password("pw"), is_superuser=True, is_active=False)
    async with content_server() as client:
        await refuses(client, 401)
        assert (await client.get("repo/f")).headers["WWW-Authenticate"].startswith("Basic")
        for wrong in ("root:wrong", "nobody:pw", "gone:pw", "rootpw", "root\0:pw"):
            encoded = base64.b64encode(wrong.encode()).decode()
            assert (await client.get("repo/f", headers={"Authorization": f"Basic {encoded}"})).status == 401, wrong
        for wrong in ("Basic !", "Basic", "Bearer x"):
            assert (await client.get("repo/f", headers={"Authorization": wrong})).status == 401
        two = CIMultiDict([*basic("root").items(), *basic("joe").items()])
        assert (await client.get("repo/f", headers=two)).status == 401
        await refuses(client, **basic("joe"))
        await admits(client, **basic("root"))


@pytest.mark.parametrize("where", ["everywhere", "domain", "object"])
@pytest.mark.parametrize("holder", ["user", "group"])
async def test_users_with_a_role(guarded, downloader, holder, where):
    guard = guarded("core.rbac")
    joe = User.create(username="joe", password=hash_password("pw"))
    group = Group.create(name="team")
    GroupMember.create(group=group, user=joe)
    User.create(username="eve", password=hash_password("pw"))
    place = {
        "everywhere": {}, "domain": {"domain": guard.domain_id},
        "object": {"object_type": "core.rbaccontentguard", "object_key": str(guard.id)},
    }[where]
    async with content_server() as client:
        await refuses(client, **basic("joe"))
        given = RoleAssignment.create(role=downloader, **{holder: joe if holder == "user" else group}, **place)
        await until_status(client, 200, basic("joe"))
        await admits(client, **basic("joe"))
        await refuses(client, **basic("eve"))
        given.delete_instance()
        await until_status(client, 403, basic("joe"))
        await refuses(client, **basic("joe"))


async def until_status(client, status, headers):
    """Wait until what has been committed counts."""
    async with asyncio.timeout(5):
        while (await client.get("repo/f", headers=headers)).status != status:
            await asyncio.sleep(0.01)


async def test_a_role_on_another_guard_is_of_no_use(guarded, downloader):
    guarded("core.rbac")
    joe = User.create(username="joe", password=hash_password("pw"))
    other = ContentGuard.create(type="core.rbac", name="other")
    RoleAssignment.create(
        role=downloader, user=joe, object_type="core.rbaccontentguard", object_key=str(other.id))
    async with content_server() as client:
        await refuses(client, **basic("joe"))


async def test_tokens(guarded, downloader):
    guarded("core.rbac")
    joe = User.create(username="joe", password=hash_password("pw"))
    RoleAssignment.create(role=downloader, user=joe)
    _, good = make_token(joe.id, "good")
    _, narrow = make_token(joe.id, "narrow", scope=["file.*"])
    _, enough = make_token(joe.id, "enough", scope=["core.download_*"])
    _, old = make_token(joe.id, "old", expires=datetime.now(UTC) - timedelta(seconds=1))
    async with content_server() as client:
        for token in (good, enough):
            await admits(client, **bearer(token))
            await admits(client, **basic("__token__", token))
        await refuses(client, **bearer(narrow))
        for wrong in (old, good[:-1] + "x", "pat_x"):
            await refuses(client, 401, **bearer(wrong))
            await refuses(client, 401, **basic("__token__", wrong))


async def test_a_password_is_hashed_once(guarded, monkeypatch):
    guarded("core.rbac")
    root = User.create(username="root", password=hash_password("pw"), is_superuser=True)
    hashed = Counter()
    verify = passwords.PasswordHasher.verify

    def counting(self, *args):
        hashed["verify"] += 1
        return verify(self, *args)

    monkeypatch.setattr(passwords.PasswordHasher, "verify", counting)
    async with content_server() as client:
        for _ in range(10):
            assert (await client.get("repo/f", headers=basic("root"))).status == 200
        assert hashed["verify"] == 1
        root.password = hash_password("other")
        root.save()
        await until_status(client, 401, basic("root"))
        assert (await client.get("repo/f", headers=basic("root", "other"))).status == 200


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
    guard = guarded("core.header", header_name="X-Org", header_value="acme")
    async with content_server() as client:
        await admits(client, **{"X-Org": "acme"})
        guard.details = {"header_name": "X-Org", "header_value": "other"}
        guard.save()
        await until_status(client, 403, {"X-Org": "acme"})
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
