"""What the content server asks: who sends this header, and may they download what this guard guards?"""

import base64
import datetime

import pytest

from pulp_actor.db import connected
from pulp_actor.domains import DEFAULT_DOMAIN_ID
from pulp_actor.models import ContentGuard, Group, GroupMember, Role, RoleAssignment, User
from pulp_actor.models.base import utcnow
from pulp_actor.security.authentication import BadCredentials, authenticate
from pulp_actor.security.passwords import hash_password
from pulp_actor.security.permissions import DOWNLOAD, may_download
from pulp_actor.security.tokens import make_token

PASSWORD = "a password"


@pytest.fixture(autouse=True)
def connection(database):
    with connected():
        yield


@pytest.fixture
def user():
    return User.create(username="reader", password=hash_password(PASSWORD))


@pytest.fixture
def guard():
    return ContentGuard.create(type="core.rbac", name="guard")


@pytest.fixture
def downloader():
    return Role.create(name="may download", permissions=[DOWNLOAD])


def basic(username, password=PASSWORD):
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


def test_nobody_downloads_without_a_role(user, guard):
    assert not may_download(authenticate(basic("reader")), guard.id)


def test_a_role_on_the_guard_lets_its_holder_pass(user, guard, downloader):
    other = ContentGuard.create(type="core.rbac", name="other guard")
    RoleAssignment.create(
        role=downloader, user=user.id, object_type="core.rbaccontentguard", object_key=str(guard.id))
    reader = authenticate(basic("reader"))
    assert may_download(reader, guard.id)
    assert not may_download(reader, other.id)


@pytest.mark.parametrize("place", [{}, {"domain": DEFAULT_DOMAIN_ID}])
def test_a_group_s_role_everywhere_or_in_the_domain_counts(user, guard, downloader, place):
    group = Group.create(name="readers")
    RoleAssignment.create(role=downloader, group=group.id, **place)
    assert not may_download(authenticate(basic("reader")), guard.id)
    GroupMember.create(group=group.id, user=user.id)
    assert may_download(authenticate(basic("reader")), guard.id)


def test_a_role_goes_with_its_object(user, guard, downloader):
    RoleAssignment.create(
        role=downloader, user=user.id, object_type="core.rbaccontentguard", object_key=str(guard.id))
    guard.delete_instance()
    assert RoleAssignment.select().count() == 0


def test_an_admin_passes(guard):
    User.create(username="root", password=hash_password(PASSWORD), is_superuser=True)
    assert may_download(authenticate(basic("root")), guard.id)


def test_a_token_proves_its_user_within_its_scope(guard):
    root = User.create(username="root", password=hash_password(PASSWORD), is_superuser=True)
    _, narrow = make_token(root.id, "narrow", scope=["file.*"])
    _, wide = make_token(root.id, "wide")
    assert not may_download(authenticate(f"Bearer {narrow}"), guard.id)
    assert may_download(authenticate(f"Bearer {wide}"), guard.id)
    assert may_download(authenticate(basic("__token__", wide)), guard.id)


@pytest.mark.parametrize("spoil", [
    lambda text: text[:-1] + ("A" if text[-1] != "A" else "B"),
    lambda text: "pat_" + "0" * 32 + text[36:],
])
def test_a_wrong_token_is_refused(user, spoil):
    _, text = make_token(user.id, "one")
    with pytest.raises(BadCredentials):
        authenticate(f"Bearer {spoil(text)}")


def test_a_token_ends_with_its_time_and_with_its_user(user):
    _, old = make_token(user.id, "old", expires=utcnow() - datetime.timedelta(seconds=1))
    with pytest.raises(BadCredentials):
        authenticate(f"Bearer {old}")
    _, good = make_token(user.id, "good", expires=utcnow() + datetime.timedelta(hours=1))
    assert authenticate(f"Bearer {good}").username == "reader"
    User.update(is_active=False).execute()
    with pytest.raises(BadCredentials):
        authenticate(f"Bearer {good}")


@pytest.mark.parametrize("header", [basic("reader", "wrong"), basic("nobody"), "Basic !", "Basic", "Basic bm8="])
def test_wrong_passwords_are_refused(user, header):
    with pytest.raises(BadCredentials):
        authenticate(header)


@pytest.mark.parametrize("header", [None, "", "Bearer somebody-elses", "Digest x"])
def test_other_headers_prove_nothing_of_ours(header):
    assert authenticate(header) is None
