"""The ways of proving who one is: sessions, tokens, a proxy's word, an issuer's tokens; and what attackers try."""

from __future__ import annotations

import datetime
import hmac
import time
from types import SimpleNamespace

import jwt
import pytest
from falcon.testing import TestClient

from api.auth import oidc
from pulp_actor.db import connected
from pulp_actor.identifiers import api_prefix
from pulp_actor.models import AccessToken, Group, Role, RoleAssignment, Session, User
from pulp_actor.models.base import utcnow
from pulp_actor.security import passwords, tokens
from pulp_actor.settings import settings
from tests.integration.api.conftest import PASSWORD, PASSWORD_HASH, Client, credentials
from tests.support.issuer import running_issuer


class Browser:
    """A client that keeps cookies, and nothing else."""

    def __init__(self, app):
        self._client = TestClient(app)
        self.cookies = {}

    def request(self, method, path, *, token=True, **options):
        headers = dict(options.pop("headers", {}))
        if token and "csrftoken" in self.cookies:
            headers["X-CSRFToken"] = self.cookies["csrftoken"]
        path = path if path.startswith("/") else api_prefix() + path
        answer = self._client.simulate_request(method, path, cookies=self.cookies, headers=headers, **options)
        for name, cookie in answer.cookies.items():
            self.cookies[name] = cookie.value
            if not cookie.value:
                del self.cookies[name]
        return answer

    def login(self, username="admin", password=PASSWORD):
        return self.request("POST", "login/", headers={"Authorization": credentials(username, password)})


@pytest.fixture
def browser(app, admin):
    return Browser(app)


def add_user(username, **columns):
    with connected():
        return User.create(username=username, password=PASSWORD_HASH, **columns)


# --- sessions ----------------------------------------------------------------------------------------------------------

def test_a_login_carries_on_until_the_logout(browser):
    assert browser.request("GET", "login/").status_code == 401
    answer = browser.login()
    assert answer.status_code == 201 and answer.json["username"] == "admin"
    assert answer.cookies["sessionid"].http_only and answer.cookies["sessionid"].same_site == "Lax"
    assert browser.request("GET", "login/").json == answer.json
    old = dict(browser.cookies)
    assert browser.request("DELETE", "login/").status_code == 204
    assert browser.cookies == {}
    browser.cookies = old
    assert browser.request("GET", "login/").status_code == 401


def test_a_session_changes_something_only_with_its_token(browser):
    browser.login()
    body = {"json": {"name": "g"}}
    assert browser.request("POST", "groups/", token=False, **body).status_code == 403
    wrong = {"X-CSRFToken": "0" * 64}
    assert browser.request("POST", "groups/", token=False, headers=wrong, **body).status_code == 403
    assert browser.request("POST", "groups/", **body).status_code == 201


def test_a_session_that_somebody_planted_is_worth_nothing(app, browser):
    add_user("mallory")
    mallory = Browser(app)
    mallory.login("mallory")
    browser.cookies = dict(mallory.cookies)
    planted = browser.cookies["sessionid"]
    browser.login()
    assert browser.cookies["sessionid"] != planted
    assert mallory.request("GET", "login/").status_code == 401
    made_up = {"sessionid": "a" * 43, "csrftoken": "b"}
    browser.cookies = dict(made_up)
    browser.login()
    assert browser.cookies["sessionid"] != made_up["sessionid"]


def test_two_session_cookies_are_none(app, browser):
    browser.login()
    value = browser.cookies["sessionid"]
    header = {"Cookie": f"sessionid={value}; sessionid={'x' * 43}"}
    assert TestClient(app).simulate_get(f"{api_prefix()}login/", headers=header).status_code == 401


def test_a_session_ends_with_its_time(browser):
    browser.login()
    with connected():
        Session.update(expires=utcnow() - datetime.timedelta(seconds=1)).execute()
    assert browser.request("GET", "login/").status_code == 401
    browser.login()
    with connected():
        assert Session.select().count() == 1


def test_another_password_ends_every_session_but_one_s_own(app, browser):
    browser.login()
    other = Browser(app)
    other.login()
    change = {"old_password": PASSWORD, "new_password": "something new"}
    assert browser.request("PATCH", "login/", json=change | {"old_password": "wrong"}).status_code == 400
    assert browser.request("PATCH", "login/", json=change | {"new_password": "short"}).status_code == 400
    assert browser.request("PATCH", "login/", json=change | {"first_name": "Ad"}).json == {
        "username": "admin", "first_name": "Ad", "last_name": "", "email": ""}
    assert other.request("GET", "login/").status_code == 401
    assert browser.request("GET", "login/").status_code == 200
    assert other.login().status_code == 401
    assert other.login(password="something new").status_code == 201


def test_an_inactive_user_has_no_session(browser):
    browser.login()
    with connected():
        User.update(is_active=False).execute()
    assert browser.request("GET", "login/").status_code == 401


@pytest.mark.parametrize(("policy", "password", "right"), [
    ({"PASSWORD_MIN_LENGTH": 12}, "eleven chars", True), ({"PASSWORD_MIN_LENGTH": 13}, "eleven chars", False),
    ({"PASSWORD_MIN_CLASSES": 4}, "onlysmallletters", False), ({"PASSWORD_MIN_CLASSES": 4}, "Every kind 1", True),
    ({}, "my name is Winston", False),
])
def test_a_password_follows_the_policy(api, policy, password, right):
    with settings.override(**policy):
        answer = api.post("users/", {"username": "winston", "password": password})
    assert answer.status_code == (201 if right else 400), answer.text


# --- tokens ------------------------------------------------------------------------------------------------------------

def by_token(app, text):
    client = Client(app, "")
    client._client = TestClient(app, headers={"Authorization": f"Bearer {text}"})
    return client


def test_a_token_acts_for_its_user_until_it_is_revoked(app, api):
    made = api.made("tokens/", {"name": "ci"})
    program = by_token(app, made["token"])
    assert program.get("login/").json["username"] == "admin"
    assert program.made("groups/", {"name": "g"})
    listed = api.get("tokens/").json["results"]
    assert [(one["name"], one["token"]) for one in listed] == [("ci", None)]
    assert api.post("tokens/", {"name": "ci"}).status_code == 400
    assert api.delete(made["pulp_href"]).status_code == 204
    assert program.get("login/").status_code == 401


def test_a_token_gets_nobody_further_than_itself(app, api):
    program = by_token(app, api.made("tokens/", {"name": "ci", "scope": ["auth.*", "core.change_group"]})["token"])
    me = api.get("login/").json["pulp_href"]
    for method, path, body in (
        ("POST", "tokens/", {"name": "more"}), ("POST", "login/", None),
        ("PATCH", "login/", {"new_password": "something new", "old_password": PASSWORD}),
        ("PATCH", me, {"password": "something new"}),
        ("POST", "repositories/file/file/", {"name": "r"}), ("POST", "tasks/purge/", {}),
        ("POST", f"{me}roles/", {"role": "file.filerepository_owner"}),
    ):
        assert program.request(method, path, json=body).status_code == 403, (method, path)
    assert program.get("users/").json["count"] == 1
    assert program.get("repositories/").json["count"] == 0
    assert api.post("tokens/", {"name": "odd", "scope": ["no.such_*"]}).status_code == 400


def test_a_token_that_may_only_look_revokes_none(app, api):
    kept = api.made("tokens/", {"name": "kept"})
    looking = by_token(app, api.made("tokens/", {"name": "looking", "scope": ["*.view_*"]})["token"])
    assert looking.get(kept["pulp_href"]).status_code == 200
    assert looking.delete(kept["pulp_href"]).status_code == 403
    assert api.get("tokens/").json["count"] == 2


def test_tokens_are_one_s_own(app, api):
    add_user("ann")
    ann = Client(app, "ann")
    mine, admins = ann.made("tokens/", {"name": "mine"}), api.made("tokens/", {"name": "admin's"})
    assert [one["name"] for one in ann.get("tokens/").json["results"]] == ["mine"]
    assert ann.delete(admins["pulp_href"]).status_code == 404
    assert api.delete(mine["pulp_href"]).status_code == 204


def test_the_use_of_a_token_is_noted(app, api):
    by_token(app, api.made("tokens/", {"name": "ci"})["token"]).get("login/")
    with connected():
        assert AccessToken.get().last_used is not None


def test_a_wrong_token_takes_as_long_as_a_right_one(app, api, monkeypatch):
    """Whatever is wrong with a token, a digest is compared, in constant time, and nothing is done before that."""
    good = api.made("tokens/", {"name": "ci"})["token"]
    compared = []

    def compare(one, other):
        compared.append(len(one) == len(other))
        return hmac.compare_digest(one, other)

    monkeypatch.setattr(tokens, "hmac", SimpleNamespace(compare_digest=compare))
    with connected():
        assert tokens.account_of(good) is not None
        for wrong in (good[:-4] + "AAAA", "pat_" + "0" * 32 + good[36:], "nonsense"):
            assert tokens.account_of(wrong) is None
    assert compared == [True] * 4


def test_an_unknown_user_takes_as_long_as_a_wrong_password(app, api, monkeypatch):
    """Both run the slow hash, once, and so does a user without a password."""
    add_user("vouched")
    with connected():
        User.update(password="").where(User.username == "vouched").execute()
    hashed = []
    hasher = passwords._hasher

    def verify(stored, password):
        hashed.append(password)
        return hasher.verify(stored, password)

    monkeypatch.setattr(passwords, "_hasher", SimpleNamespace(verify=verify))
    for username in ("admin", "nobody", "vouched"):
        client = Client(app, "")
        client._client = TestClient(app, headers={"Authorization": credentials(username, f"wrong for {username}")})
        assert client.get("login/").status_code == 401
    assert hashed == ["wrong for admin", "wrong for nobody", "wrong for vouched"]


# --- a proxy's word ----------------------------------------------------------------------------------------------------

def as_proxy(app, headers, **options):
    options.setdefault("remote_addr", "127.0.0.1")
    return TestClient(app).simulate_get(f"{api_prefix()}login/", headers=headers, **options)


SPELLINGS = ("Remote-User", "REMOTE-USER", "remote-user")


def test_no_header_is_believed_unless_it_is_switched_on(app, admin):
    for name in (*SPELLINGS, "REMOTE_USER", "X-Remote-User"):
        assert as_proxy(app, {name: "admin"}).status_code == 401
    assert as_proxy(app, {}, extras={"REMOTE_USER": "admin"}).status_code == 401


def test_a_trusted_proxy_is_believed_and_nobody_else(app, admin):
    with settings.override(REMOTE_USER_HEADER="Remote-User", TRUSTED_PROXIES=["127.0.0.1", "10.0.0.0/8"]):
        for name in SPELLINGS:
            assert as_proxy(app, {name: "admin"}).json["username"] == "admin"
        assert as_proxy(app, {"Remote-User": "admin"}, remote_addr="10.1.2.3").status_code == 200
        for stranger in ("192.0.2.1", "::1", "", "unix"):
            assert as_proxy(app, {"Remote-User": "admin"}, remote_addr=stranger).status_code == 401
        forwarded = {"Remote-User": "admin", "X-Forwarded-For": "127.0.0.1", "X-Real-IP": "127.0.0.1"}
        assert as_proxy(app, forwarded, remote_addr="192.0.2.1").status_code == 401
        for smuggled in ("admin,mallory", "mallory,admin", " ", "ad min"):
            assert as_proxy(app, {"Remote-User": smuggled}).status_code == 401
        assert as_proxy(app, {}, extras={"REMOTE_USER": "admin"}).status_code == 401


def test_a_user_whom_the_proxy_knows_is_made(app, admin):
    with settings.override(REMOTE_USER_HEADER="Remote-User"):
        assert as_proxy(app, {"Remote-User": "new"}).json["username"] == "new"
        with settings.override(CREATE_VOUCHED_USERS=False):
            assert as_proxy(app, {"Remote-User": "newer"}).status_code == 401
    with connected():
        user = User.get(User.username == "new")
        assert (user.password, user.is_superuser) == ("", False)
    assert Client(app, "new").get("login/").status_code == 401


# --- OpenID Connect ----------------------------------------------------------------------------------------------------

@pytest.fixture
def issuer(monkeypatch):
    monkeypatch.setattr(oidc, "keys", oidc.IssuerKeys())
    with running_issuer() as issuer, settings.override(
            OIDC_ISSUER=issuer.url, OIDC_AUDIENCE="pulp", OIDC_GROUPS_CLAIM="groups"):
        yield issuer


def test_a_token_of_the_issuer_proves_its_user(app, admin, issuer):
    answer = by_token(app, issuer.token()).get("login/")
    assert answer.json["username"] == "olga"
    with connected():
        assert not User.get(User.username == "olga").is_superuser


def test_the_groups_of_a_token_count_while_it_does(app, api, issuer):
    repository = api.made("repositories/file/file/", {"name": "r"})
    with connected():
        group = Group.create(name="team")
        RoleAssignment.create(role=Role.get(Role.name == "file.filerepository_viewer"), group=group.id)
    href = repository["pulp_href"]
    assert by_token(app, issuer.token()).get(href).status_code == 404
    assert by_token(app, issuer.token(groups=["team", "unknown"])).get(href).status_code == 200
    with settings.override(OIDC_GROUPS={"team-at-idp": "team"}):
        assert by_token(app, issuer.token(groups=["team"])).get(href).status_code == 404
        assert by_token(app, issuer.token(groups="team-at-idp")).get(href).status_code == 200
    assert by_token(app, issuer.token()).get(href).status_code == 404


@pytest.mark.parametrize("claims", [
    {"iss": "http://elsewhere"}, {"aud": "another"}, {"aud": None}, {"iss": None}, {"exp": None},
    {"exp": time.time() - 60}, {"preferred_username": None}, {"preferred_username": ["admin"]},
    {"preferred_username": "no name"}, {"nbf": time.time() + 600},
])
def test_a_token_that_is_not_for_us_is_refused(app, admin, issuer, claims):
    assert by_token(app, issuer.token(**claims)).get("login/").status_code == 401


def test_a_token_that_the_issuer_has_not_signed_is_refused(app, admin, issuer):
    claims = {"iss": issuer.url, "aud": "pulp", "exp": time.time() + 60, "preferred_username": "admin"}
    public = issuer.keys["first"].public_key().public_numbers().n.to_bytes(256, "big")
    forged = [
        jwt.encode(claims, key=None, algorithm="none", headers={"kid": "first"}),
        jwt.encode(claims, public, algorithm="HS256", headers={"kid": "first"}),
        issuer.token(preferred_username="admin")[:-6] + "AAAAAA", "nonsense", "a.b.c", "",
    ]
    for token in forged:
        assert by_token(app, token).get("login/").status_code == 401, token


def test_a_new_key_is_found_and_invented_ones_do_not_flood_the_issuer(app, admin, issuer, monkeypatch):
    by_token(app, issuer.token()).get("login/")
    for number in range(20):
        invented = jwt.encode({"exp": 1}, issuer.keys["first"], "RS256", headers={"kid": f"invented {number}"})
        assert by_token(app, invented).get("login/").status_code == 401
    assert issuer.asked == 1
    issuer.new_key("second")
    monkeypatch.setattr(oidc, "KEYS_ASKED_EVERY", 0.0)
    assert by_token(app, issuer.token()).get("login/").status_code == 200
    assert issuer.asked == 2


def test_an_issuer_that_is_away_is_no_error_of_ours(app, admin, issuer):
    issuer.server.server_close()
    assert by_token(app, issuer.token()).get("login/").status_code == 401
