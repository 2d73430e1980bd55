"""The ``pulp-actor`` command's own parts, without a server."""

import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from pulp_actor.cli import ports
from pulp_actor.cli.main import COMMANDS, cli
from pulp_actor.cli.mirror import manifest_url
from pulp_actor.cli.rundir import Facts, RunDir
from pulp_actor.cli.up import OPTIONS, up
from pulp_actor.errors import ConfigurationError
from pulp_actor.settings import SETTINGS, settings

FACTS = Facts(1, "http://127.0.0.1:1", "http://127.0.0.1:2", "postgresql://", "admin", "secret")


def test_help_imports_no_command():
    script = (
        "import sys; from pulp_actor.cli.main import cli; cli.main(['--help'], standalone_mode=False);"
        "print(sorted(m for m in sys.modules if m.split('.')[0] in ('peewee', 'dramatiq', 'rich', 'falcon', 'aiohttp')))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_an_unknown_variable_is_warned_of_where_a_person_sees_it_and_not_in_what_is_asked_for(monkeypatch):
    monkeypatch.setenv("PULP_WORKERZ", "3")
    result = CliRunner().invoke(cli, ["settings"])
    assert result.exit_code == 0
    assert result.stderr.splitlines() == [
        "pulp-actor: warning: unknown environment variable PULP_WORKERZ; did you mean PULP_WORKERS?"]
    assert "PULP_WORKERZ" not in result.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_that_begins_as_the_list_says(name):
    result = CliRunner().invoke(cli, [name, "--help"])
    assert result.exit_code == 0, result.output
    assert result.output.startswith("Usage:")


def test_every_option_of_up_is_a_setting():
    visible = {option.name for option in up.params if not getattr(option, "hidden", False)}
    assert visible - {"detach"} == OPTIONS.keys()
    assert set(OPTIONS.values()) <= SETTINGS.keys()


@pytest.mark.parametrize(("given", "expected"), [
    ("http://host/files", "http://host/files/PULP_MANIFEST"),
    ("http://host/files/", "http://host/files/PULP_MANIFEST"),
    ("http://host", "http://host/PULP_MANIFEST"),
    ("https://host/files/PULP_MANIFEST", "https://host/files/PULP_MANIFEST"),
    ("http://host/files/?token=a/b", "http://host/files/PULP_MANIFEST?token=a/b"),
    ("file:///srv/files/", "file:///srv/files/PULP_MANIFEST"),
])
def test_a_directory_stands_for_its_manifest(given, expected):
    assert manifest_url(given) == expected


@pytest.mark.parametrize("given", ["", "host/files", "ftp://host/files", "http://", "javascript:alert(1)"])
def test_what_is_no_url_is_refused(given):
    with pytest.raises(ConfigurationError):
        manifest_url(given)


@pytest.mark.parametrize(("bind", "expected"), [
    ("127.0.0.1:80", ("127.0.0.1", 80)), ("[::1]:80", ("::1", 80)), (":80", ("0.0.0.0", 80)), ("name:0", ("name", 0)),
])
def test_an_address_is_read(bind, expected):
    assert ports.parse("X", bind) == expected


@pytest.mark.parametrize("bind", ["", "80", "host", "host:", "host:http", "host:65536", "host:-1"])
def test_what_is_no_address_is_refused_by_name(bind):
    with pytest.raises(ConfigurationError, match="API_BIND must be host:port"):
        ports.parse("API_BIND", bind)


def test_port_0_becomes_a_free_port():
    reserved = ports.reserve("X", "127.0.0.1:0")
    assert ports.parse("X", reserved)[1] > 0
    assert ports.reserve("X", reserved) == reserved


@pytest.mark.parametrize(("bind", "url"), [
    ("0.0.0.0:80", "http://127.0.0.1:80"), ("[::]:80", "http://[::1]:80"), ("192.0.2.1:80", "http://192.0.2.1:80"),
])
def test_a_local_client_reaches_what_listens_everywhere(bind, url):
    assert ports.url(bind) == url


@pytest.mark.parametrize(("name", "value", "shown"), [
    ("ADMIN_PASSWORD", "hunter2", "***"), ("ADMIN_PASSWORD", "", ""),
    ("DATABASE_URL", "postgresql://me:hunter2@host/db", "postgresql://me:***@host/db"),
    ("DATABASE_URL", "postgresql://me@host/db", "postgresql://me@host/db"),
    ("STORAGE", {"class": "s3", "bucket": "b", "secret_access_key": "hunter2"},
     {"class": "s3", "bucket": "b", "secret_access_key": "***"}),
])
def test_secrets_are_masked(name, value, shown):
    with settings.override(**{name: value}):
        assert settings.shown(name) == shown


def test_settings_says_where_each_comes_from(monkeypatch):
    runner = CliRunner(env={"PULP_WORKERS": "7"})
    monkeypatch.setattr(settings, "_values", None)
    with runner.isolation():
        pass
    result = runner.invoke(cli, ["settings", "--json", "WORKERS", "PULP_PAGE_SIZE"])
    settings.load()
    assert '"source": "PULP_WORKERS"' in result.output
    assert '"source": "default"' in result.output
    assert runner.invoke(cli, ["settings", "NONSENSE"]).exception


def test_only_one_platform_runs_in_a_directory(tmp_path):
    first, second = RunDir(tmp_path), RunDir(tmp_path)
    assert not second.is_claimed()
    first.claim()
    first.write(FACTS)
    assert second.is_claimed()
    assert second.read() == FACTS
    with pytest.raises(ConfigurationError, match=r"runs in .* already \(process 1, http://127.0.0.1:1\)"):
        second.claim()
    first.release()
    assert second.read() is None
    second.claim()
    second.release()


def test_facts_that_cannot_be_read_count_as_none(tmp_path):
    run_dir = RunDir(tmp_path)
    run_dir.path.mkdir()
    (run_dir.path / "connection.json").write_text('{"half": ')
    assert run_dir.read() is None


def test_every_command_is_in_the_manual():
    manual = (Path(__file__).parents[3] / "docs" / "running.md").read_text()
    assert [name for name in COMMANDS if f"`pulp-actor {name}" not in manual] == []


@pytest.mark.parametrize("path", [
    "mirror", "export", "import", "repair", "status", "settings", "migrate", "reset-admin-password", "tasks top",
    "tasks list", "tasks show", "tasks why", "tasks cancel", "tasks dispatch", "quota list", "quota set", "schedule list",
    "schedule set"])
def test_commands_give_their_answer_as_json(path):
    command, context = cli, click.Context(cli)
    for name in path.split():
        command = command.get_command(context, name)
    assert any("--json" in parameter.opts for parameter in command.params)
