"""Rotating the encryption key, and what becomes of secrets whose key is lost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner
from cryptography.fernet import Fernet

from pulp_actor.cli.keys import rotate_key
from pulp_actor.db import connected, database
from pulp_actor.models import Domain, Remote
from pulp_actor.models.encrypted import EncryptedTextField
from pulp_actor.plugins import load_plugins
from pulp_actor.queue import dispatch, load_actors, platform_broker
from pulp_actor.security import secrets
from pulp_actor.security.encryption import Keyring, KeyringMissing, Unreadable, keyring
from pulp_actor.security.secrets import encrypted_columns, reencrypt
from pulp_actor.settings import settings

SECRETS = {name: f"secret {name}" for name in ("client_key", "username", "password", "proxy_username", "proxy_password")}


@pytest.fixture
def remote(database: Any) -> Iterator[Remote]:
    """A remote with every secret set."""
    load_plugins()
    load_actors()
    with connected():
        yield Remote.create(type="file.file", name="r", url="http://example.org/", **SECRETS)


def stored() -> dict[str, bytes]:
    """Every encrypted value in the database, by column and key."""
    found = {}
    for column in encrypted_columns():
        rows = database.execute_sql(f"SELECT {column.key}::text, {column.column} FROM {column.table}").fetchall()
        found |= {
            f"{column.name} {key}": value.encode() if column.text else bytes(value) for key, value in rows if value}
    return found


def run(database: Any, *arguments: str) -> Any:
    """The command, in this process; it leaves the pool as a process ends, so the test connects again."""
    with settings.override(DATABASE_URL=database.url):
        result = CliRunner().invoke(rotate_key, list(arguments))
    database.connect(reuse_if_open=True)
    return result


def test_every_encrypted_field_is_rotated_because_it_is_declared(remote: Remote) -> None:
    fields = {
        f"{model._meta.table_name}.{field.column_name}"
        for model in _models() for field in model._meta.sorted_fields if isinstance(field, EncryptedTextField)
    }
    names = {column.name for column in encrypted_columns()}
    assert fields <= names
    assert {"remote.password", "domain.storage_settings", "task.message"} <= names


def _models() -> Iterator[Any]:
    from pulp_actor.models.base import BaseModel

    def below(model: Any) -> Iterator[Any]:
        for one in model.__subclasses__():
            yield one
            yield from below(one)

    yield from below(BaseModel)


def test_rotation_moves_remotes_domains_and_waiting_tasks_to_the_new_key(remote: Remote, database: Any) -> None:
    domain = Domain.create(name="d", storage_settings='{"secret_key": "x"}')
    waiting = dispatch("pulpcore.app.tasks.base.general_delete", kwargs={"resource": "remotes", "key": "secret argument"})
    before = stored()
    assert len(before) == len(SECRETS) + 2
    old = keyring.path.read_bytes().split()[0]

    said = run(database, "--drop-old")

    assert said.exit_code == 0, said.output
    assert "remote.password: 1 moved" in said.output and "task.message: 1 moved" in said.output
    (new,) = keyring.path.read_bytes().split()
    assert new != old and keyring.path.stat().st_mode & 0o777 == 0o600
    after = stored()
    assert after.keys() == before.keys()
    assert all(Fernet(new).decrypt(after[name]) == Fernet(old).decrypt(before[name]) for name in before)
    assert Remote.get_by_id(remote.id).password == SECRETS["password"]
    assert Domain.get_by_id(domain.id).storage_settings == '{"secret_key": "x"}'
    (message,) = [value for name, value in after.items() if name == f"task.message {waiting.id}"]
    assert "secret argument" in platform_broker().codec.decode(message.decode())


def test_an_interrupted_rotation_goes_on_where_it_stopped(
        remote: Remote, database: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "BATCH", 2)
    for number in range(6):
        Remote.create(type="file.file", name=f"r{number}", url="http://example.org/", password=f"p{number}")
    (column,) = [one for one in encrypted_columns() if one.name == "remote.password"]
    keyring.add_key()
    written = 0

    def write_twice(*args: Any) -> None:
        nonlocal written
        written += 1
        if written > 2:
            raise KeyboardInterrupt
        write(*args)

    write = secrets._write
    with monkeypatch.context() as patched:
        patched.setattr(secrets, "_write", write_twice)
        with pytest.raises(KeyboardInterrupt):
            reencrypt(column)
    result = reencrypt(column)
    assert (result.moved, result.current, len(result.unreadable)) == (3, 4, 0)
    assert reencrypt(column).moved == 0


def test_a_process_that_runs_sees_the_new_key(remote: Remote) -> None:
    elsewhere = Keyring()
    assert elsewhere.decrypt(keyring.encrypt(b"before")) == b"before"
    keyring.add_key()
    assert elsewhere.decrypt(keyring.encrypt(b"after")) == b"after"
    assert keyring.renew(elsewhere.encrypt(b"from there")) is None


def test_check_changes_nothing_and_tells_what_no_key_opens(remote: Remote, database: Any) -> None:
    before = stored()
    keyring.path.write_bytes(Fernet.generate_key())
    said = run(database, "--check")
    assert said.exit_code == 1
    assert f"remote.password: 0 to be moved, 0 under the newest key, 1 unreadable: {remote.id}" in said.output
    assert f"{len(SECRETS)} secret(s) cannot be read" in said.output
    assert stored() == before


def test_no_key_is_dropped_while_a_secret_is_unreadable(remote: Remote, database: Any) -> None:
    keyring.path.write_bytes(Fernet.generate_key())
    keyring.add_key()
    assert run(database, "--keep-key", "--drop-old").exit_code == 1
    assert len(keyring.path.read_bytes().split()) == 2


def test_an_unreadable_secret_says_which_one_it_is_when_it_is_needed(remote: Remote) -> None:
    keyring.path.write_bytes(Fernet.generate_key())
    row = Remote.get_by_id(remote.id)
    assert row.url == "http://example.org/"
    with pytest.raises(Unreadable, match="password was written under a key that is not in the keyring"):
        assert row.password
    row.name = "still to be changed"
    row.save()
    row.password = "given anew"
    row.save()
    assert Remote.get_by_id(remote.id).password == "given anew"


@pytest.mark.parametrize("content", [None, b"", b"not a key\n"])
def test_a_keyring_that_is_no_keyring_is_told_by_its_path(data_dir: Any, content: bytes | None) -> None:
    keyring.path.unlink()
    if content is not None:
        keyring.path.write_bytes(content)
    with pytest.raises(KeyringMissing, match=str(keyring.path)):
        keyring.encrypt(b"x")
