"""Every store keeps the same promises."""

import contextlib
import hashlib

import pytest

from pulp_actor.errors import ConfigurationError
from pulp_actor.settings import settings
from pulp_actor.storage import Digester, StorageError, get_storage
from pulp_actor.storage.local import LocalStorage


@pytest.fixture(params=["local", "memory"])
def storage(request, tmp_path):
    with settings.override(DATA_DIR=str(tmp_path), STORAGE={"class": request.param}):
        yield get_storage()


def put(storage, key, data):
    with storage.temporary() as file:
        file.write(data)
        file.close()
        storage.put_file(file.path, key)


def test_what_is_put_can_be_read_in_parts(storage):
    put(storage, "a/b", b"0123456789")
    assert b"".join(storage.open("a/b")) == b"0123456789"
    assert b"".join(storage.open("a/b", 3)) == b"3456789"
    assert b"".join(storage.open("a/b", 3, 5)) == b"34"
    assert b"".join(storage.open("a/b", 5, 5)) == b""
    assert storage.size("a/b") == 10


def test_the_same_key_twice_is_harmless(storage):
    put(storage, "key", b"same")
    put(storage, "key", b"same")
    assert b"".join(storage.open("key")) == b"same"


def test_what_is_deleted_has_gone(storage):
    put(storage, "key", b"x")
    storage.delete("key")
    storage.delete("key")
    assert not storage.exists("key")
    with pytest.raises(FileNotFoundError):
        storage.open("key")
    with pytest.raises(FileNotFoundError):
        storage.size("key")


def test_what_is_not_stored_leaves_nothing(storage):
    with contextlib.suppress(RuntimeError), storage.temporary() as file:
        file.write(b"x")
        raise RuntimeError
    assert not file.path.exists()


@pytest.mark.parametrize("key", ["../x", "a//b", "/a", "a/./b", "a\0b", ""])
def test_a_key_cannot_leave_the_store(tmp_path, key):
    with pytest.raises(StorageError):
        LocalStorage(tmp_path).local_path(key)


def test_an_unknown_class_is_refused(tmp_path):
    with settings.override(DATA_DIR=str(tmp_path), STORAGE={"class": "tape"}), pytest.raises(ConfigurationError):
        get_storage()


def test_digests_are_computed_while_bytes_arrive():
    digester = Digester(["md5", "sha512"])
    for part in (b"some ", b"bytes"):
        digester.update(part)
    assert digester.size == 10
    assert digester.digests == {
        name: hashlib.new(name, b"some bytes").hexdigest() for name in ("md5", "sha512", "sha256")
    }
    assert digester.mismatches({"md5": digester.digests["md5"].upper(), "sha1": "x", "sha224": None}, 10) == []
    assert digester.mismatches({"md5": "0" * 32}, 11) == ["md5", "size"]


def test_options_are_taken_under_the_names_that_users_know():
    from pulp_actor.storage.options import store_options

    given = {
        "bucket_name": "b", "access_key": "a", "secret_key": "s", "endpoint_url": "http://localhost:1", "region_name": "r",
        "addressing_style": "path", "default_acl": "private", "location": "",
    }
    assert store_options("s3", given) == {
        "bucket": "b", "access_key_id": "a", "secret_access_key": "s", "endpoint": "http://localhost:1", "region": "r",
        "virtual_hosted_style_request": False, "client_options": {"allow_http": True},
    }
    assert store_options("local", {"MEDIA_ROOT": "/srv"}) == {"path": "/srv"}
    assert store_options("s3", {"bucket": "b"}) == {"bucket": "b"}
