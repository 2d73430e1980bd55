"""The embedded server starts anywhere, keeps what it is given, and never outlives its owner."""

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys

import psutil
import psycopg2
import pytest

from pulp_actor.db import binaries
from pulp_actor.db.connection import connect_raw
from pulp_actor.db.embedded import EmbeddedServer, database_url, socket_folder
from pulp_actor.errors import ConfigurationError
from tests.support.workers.waiting import eventually


@pytest.fixture
def server(tmp_path):
    server = EmbeddedServer(tmp_path / "postgres")
    yield server
    server.stop()


def ask(server, question):
    conn = connect_raw(server.url)
    try:
        with conn.cursor() as cursor:
            cursor.execute(question)
            return cursor.fetchone()[0] if cursor.description else None
    finally:
        conn.close()


def test_it_keeps_its_data_and_is_durable(server):
    server.start()
    assert ask(server, "SELECT current_setting('fsync')") == "on"
    assert ask(server, "SELECT current_setting('listen_addresses')") == ""
    assert ask(server, "SELECT upper('é')") == "É"
    ask(server, "CREATE TABLE kept AS SELECT 42 AS answer")
    server.stop()
    with pytest.raises(psycopg2.OperationalError):
        connect_raw(server.url)
    server.start()
    assert ask(server, "SELECT answer FROM kept") == 42


def test_nobody_else_gets_in(server, tmp_path):
    server.start()
    for path in (server.directory, server.cluster, socket_folder(server.directory)):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    with socket.socket() as probe:
        ports = {c.laddr.port for c in psutil.Process(server.pid).net_connections("inet") if c.status == "LISTEN"}
    assert not ports
    assert probe


def test_the_modes_of_the_folders_above_are_left_alone(tmp_path):
    above = tmp_path / "private"
    above.mkdir(mode=0o700)
    server = EmbeddedServer(above / "postgres")
    server.start()
    server.stop()
    assert stat.S_IMODE(above.stat().st_mode) == 0o700
    assert above.stat().st_uid == os.geteuid()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has privileges to drop")
@pytest.mark.skipif(not shutil.which("setpriv"), reason="setpriv is not installed")
def test_where_namespaces_are_refused_root_drops_its_privileges(tmp_path, monkeypatch):
    above = tmp_path / "private"
    above.mkdir(mode=0o700)
    every = list(binaries._runners())
    monkeypatch.setattr(binaries, "_runners", lambda: [runner for runner in every if runner.uid == binaries.NOBODY])
    server = EmbeddedServer(above / "postgres")
    server.start()
    try:
        ask(server, "CREATE TABLE kept AS SELECT 42 AS answer")
        assert psutil.Process(server.pid).uids().effective == binaries.NOBODY
    finally:
        server.stop()
    assert stat.S_IMODE(above.stat().st_mode) == 0o700
    monkeypatch.setattr(binaries, "_runners", lambda: every)
    server.start()
    try:
        assert ask(server, "SELECT answer FROM kept") == 42, "the way it is run may change from one start to the next"
    finally:
        server.stop()


def test_a_second_one_on_the_same_data_is_refused(server):
    server.start()
    with pytest.raises(ConfigurationError, match="in use by another process"):
        EmbeddedServer(server.directory).start()
    assert ask(server, "SELECT 1") == 1


def test_a_path_that_is_too_long_for_a_socket_will_do(tmp_path):
    deep = tmp_path / "with spaces, and more" / ("deep" * 25)
    deep.mkdir(parents=True)
    server = EmbeddedServer(deep / "postgres")
    folder = socket_folder(server.directory)
    assert len(str(folder)) < 80
    server.start()
    try:
        assert ask(server, "SELECT 1") == 1
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    finally:
        server.stop()
    assert not folder.exists()


def test_what_a_killed_server_left_behind_is_no_hindrance(server):
    server.start()
    ask(server, "CREATE TABLE kept AS SELECT 42 AS answer")
    os.kill(server.pid, signal.SIGKILL)
    server.wait()
    server.stop()
    pid_file = server.cluster / "postmaster.pid"
    lines = pid_file.read_text().split("\n")
    # After a restart of the machine, the pid may be that of anything.
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]))
    server.start()
    assert ask(server, "SELECT answer FROM kept") == 42


OWNER = """
import sys, pathlib
from pulp_actor.db.embedded import EmbeddedServer
server = EmbeddedServer(pathlib.Path(sys.argv[1]))
server.start()
print(server.pid, flush=True)
sys.stdin.read()
"""


def test_it_ends_with_its_owner_and_the_next_one_waits_for_that(server):
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(server.directory)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    pid = int(owner.stdout.readline())
    owner.kill()
    owner.communicate()
    server.start()
    assert ask(server, "SELECT 1") == 1
    assert server.pid != pid
    eventually(lambda: not psutil.pid_exists(pid), 10, "the end of the first server")


def test_a_start_that_was_interrupted_leaves_no_half(server):
    (server.directory / "data.new").mkdir(parents=True)
    (server.directory / "data.new" / "PG_VERSION").write_text("18\n")
    server.start()
    assert ask(server, "SELECT 1") == 1


def test_a_server_that_cannot_start_says_why(server):
    server.start()
    server.stop()
    with (server.cluster / "postgresql.conf").open("a") as conf:
        conf.write("shared_buffers = nonsense\n")
    with pytest.raises(ConfigurationError, match=r"did not start: .*shared_buffers"):
        server.start()


def test_the_users_settings_have_the_last_word(server):
    server.start()
    server.stop()
    with (server.cluster / "postgresql.conf").open("a") as conf:
        conf.write("work_mem = '3MB'\n")
    server.start()
    assert ask(server, "SHOW work_mem") == "3MB"


def test_the_programs_of_another_version_are_refused_by_number(tmp_path):
    cluster = tmp_path / "postgres" / "data"
    cluster.mkdir(parents=True)
    (cluster / "PG_VERSION").write_text("11\n")
    with pytest.raises(ConfigurationError, match=r"made by PostgreSQL 11; only .* is installed"):
        EmbeddedServer(tmp_path / "postgres").start()


def test_a_url_names_the_folder_of_the_socket(tmp_path):
    assert database_url(tmp_path / "a b", "other").startswith("postgresql://postgres@/other?host=%2Ftmp%2Fpulp-actor-")
