"""``pulp-actor up``: starts everything or nothing, says so in a line, finds its data again, and stops cleanly."""

import datetime
import json
import os
import signal
import socket
import stat
import subprocess
import sys

import psutil
import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from pulp_actor.cli.rundir import RunDir
from tests.support.platform import pulp_actor, running_platform
from tests.support.workers.waiting import eventually

pytestmark = pytest.mark.slow

FREE = ("--api-bind", "127.0.0.1:0", "--content-bind", "127.0.0.1:0")


def processes_of(directory):
    """Every process that has ``directory`` in its command line or works in it."""
    found = []
    for process in psutil.process_iter():
        try:
            if str(directory) in " ".join(process.cmdline()) or process.cwd().startswith(str(directory)):
                found.append(process)
        except psutil.Error:
            continue
    return found


def refused(done):
    """The one line with which a command gave up."""
    assert done.returncode == 1, done.stdout + done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("pulp-actor: ")
    return lines[0]


def test_a_port_in_use_is_said_and_nothing_is_started(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        bind = f"127.0.0.1:{taken.getsockname()[1]}"
        for option in ("--api-bind", "--content-bind"):
            done = pulp_actor(tmp_path, "up", "--data-dir", str(tmp_path / "data"), *FREE, option, bind)
            assert bind in refused(done)
            assert "in use" in done.stderr
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(("bind", "complaint"), [
    ("nonsense", "host:port"), ("127.0.0.1:99999", "host:port"), ("203.0.113.1:8080", "cannot listen"),
])
def test_an_address_that_cannot_work_is_said(tmp_path, bind, complaint):
    done = pulp_actor(tmp_path, "up", "--data-dir", str(tmp_path / "data"), *FREE, "--api-bind", bind)
    assert complaint in refused(done)


def test_a_data_directory_that_cannot_be_written_to_is_said(tmp_path):
    (tmp_path / "file").write_text("in the way")
    done = pulp_actor(tmp_path, "up", "--data-dir", str(tmp_path / "file" / "data"), *FREE)
    assert str(tmp_path / "file" / "data") in refused(done)
    assert pulp_actor(tmp_path, "up", "--data-dir", "/proc/nowhere", *FREE).returncode == 1


@pytest.mark.parametrize("url", [
    "postgresql://nobody@127.0.0.1:1/nothing", "postgresql:///pulp?host=/nonexistent", "no url at all",
])
def test_a_database_that_cannot_be_reached_is_said(tmp_path, url):
    done = pulp_actor(tmp_path, "up", "--data-dir", str(tmp_path / "data"), *FREE, "--database-url", url)
    assert "cannot reach the database" in refused(done)
    assert not (tmp_path / "data").exists()


def test_a_cluster_of_a_version_that_is_not_installed_is_said(tmp_path):
    cluster = tmp_path / "data" / "postgres" / "data"
    cluster.mkdir(parents=True)
    (cluster / "PG_VERSION").write_text("9\n")
    done = pulp_actor(tmp_path, "up", "--data-dir", str(tmp_path / "data"), *FREE)
    assert "was made by PostgreSQL 9" in refused(done)


def test_an_ill_typed_setting_is_said(tmp_path):
    done = pulp_actor(tmp_path, "up", "--data-dir", str(tmp_path / "data"), *FREE, WORKERS="many")
    assert "PULP_WORKERS" in refused(done)


def test_the_data_is_found_again_and_a_second_one_is_refused(tmp_path):
    with running_platform(tmp_path, ADMIN_PASSWORD="correct horse") as first:
        assert first.facts.password == "correct horse"
        first.client.create("repositories/file/file/", {"name": "kept"})
        second = pulp_actor(tmp_path, "up", "--data-dir", str(first.data_dir), *FREE)
        assert f"process {first.process.pid}" in refused(second)
    assert processes_of(tmp_path) == []
    with running_platform(tmp_path) as again:
        assert again.client.find("repositories/file/file/", name="kept")


def test_what_others_must_not_read_they_cannot(platform):
    for path in ("run/connection.json", "keys/database.key", "keys/admin-password"):
        assert stat.S_IMODE((platform.data_dir / path).stat().st_mode) == 0o600
    for path in (".", "keys", "run", "logs", "postgres", "postgres/data"):
        assert stat.S_IMODE((platform.data_dir / path).stat().st_mode) == 0o700
    secret = platform.facts.password
    for process in [platform.process.pid, *(c.pid for c in psutil.Process(platform.process.pid).children(True))]:
        assert secret not in " ".join(psutil.Process(process).cmdline())


def test_a_generated_password_is_shown_once(tmp_path):
    arguments = ("up", "--detach", "--data-dir", str(tmp_path / "data"), *FREE)
    try:
        first = pulp_actor(tmp_path, *arguments)
        assert first.returncode == 0, first.stderr
        password = RunDir(tmp_path / "data").read().password
        assert first.stdout.count(password) == 1
        assert first.stdout.rstrip().splitlines()[-1].startswith("ready")
        pulp_actor(tmp_path, "down", "--data-dir", str(tmp_path / "data"))
        second = pulp_actor(tmp_path, *arguments)
        assert second.returncode == 0
        assert password not in second.stdout
        facts = RunDir(tmp_path / "data").read()
        assert requests.get(
            f"{facts.api}/pulp/api/v3/tasks/", auth=("admin", password), timeout=30).status_code == 200
        reset = pulp_actor(tmp_path, "reset-admin-password", "--password", "new", "--data-dir", str(tmp_path / "data"))
        assert reset.returncode == 0, reset.stderr
        for given, expected in (("new", 200), (password, 401)):
            answer = requests.get(f"{facts.api}/pulp/api/v3/tasks/", auth=("admin", given), timeout=30)
            assert answer.status_code == expected
    finally:
        down = pulp_actor(tmp_path, "down", "--data-dir", str(tmp_path / "data"))
    assert (down.returncode, down.stdout) == (0, "stopped\n")
    assert processes_of(tmp_path) == []
    assert pulp_actor(tmp_path, "down", "--data-dir", str(tmp_path / "data")).stdout.startswith("nothing runs")


def test_a_detached_start_that_fails_says_why(tmp_path):
    done = pulp_actor(tmp_path, "up", "--detach", "--data-dir", str(tmp_path / "data"), *FREE, "--database-url",
                      "postgresql://nobody@127.0.0.1:1/nothing")
    assert "cannot reach the database" in refused(done)
    assert processes_of(tmp_path) == []


@pytest.mark.parametrize("service", ["api.service", "content.service", "pulp_actor.queue.service", "postgres"])
def test_a_part_that_dies_takes_the_rest_along_and_is_named(tmp_path, service):
    process = subprocess.Popen(
        [sys.executable, "-m", "pulp_actor.cli.main", "up", "--data-dir", str(tmp_path / "data"), *FREE],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={name: value for name, value in os.environ.items() if not name.startswith("PULP_")},
    )
    try:
        assert any(line.startswith("ready") for line in process.stdout), process.stderr.read()
        victim = next(child for child in psutil.Process(process.pid).children()
                      if service in " ".join(child.cmdline()))
        victim.kill()
        _, said = process.communicate(timeout=60)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(60)
    assert process.returncode == 1
    name = {"api.service": "api", "content.service": "content", "pulp_actor.queue.service": "worker"}.get(service, service)
    assert f"{name} ended unexpectedly (killed by SIGKILL)" in said
    assert processes_of(tmp_path) == []


def test_nothing_outlives_a_platform_that_is_killed(tmp_path):
    with running_platform(tmp_path) as platform:
        platform.client.create("repositories/file/file/", {"name": "survivor"})
        platform.process.kill()
        platform.process.wait()
        eventually(lambda: not processes_of(tmp_path), 60, lambda: f"the end of {processes_of(tmp_path)}")
    with running_platform(tmp_path) as again:
        assert again.client.find("repositories/file/file/", name="survivor")


def test_ctrl_c_stops_everything_with_exit_code_0(tmp_path):
    with running_platform(tmp_path) as platform:
        os.kill(platform.process.pid, signal.SIGINT)
        assert platform.process.wait(60) == 0
    assert processes_of(tmp_path) == []
    assert not (tmp_path / "data" / "run" / "connection.json").exists()


def test_a_path_that_is_long_and_has_spaces_will_do(tmp_path):
    directory = tmp_path / "a directory with spaces" / ("long" * 20)
    directory.mkdir(parents=True)
    with running_platform(directory) as platform:
        assert platform.client.get("status/")["database_connection"]["connected"]


def test_a_configured_database_is_used_and_migrated(tmp_path, postgres):
    with postgres.empty() as url:
        with running_platform(tmp_path, DATABASE_URL=url) as platform:
            assert platform.facts.database_url == url
            assert not (platform.data_dir / "postgres").exists()
        done = pulp_actor(tmp_path, "migrate", "--database-url", url, "--data-dir", str(tmp_path / "data"))
        assert (done.returncode, done.stdout) == (0, "up to date\n")


def self_signed(directory):
    """The paths of a certificate for localhost and of its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    paths = directory / "certificate.pem", directory / "key.pem"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return paths


def test_a_content_server_that_speaks_tls_is_found_to_be_well(tmp_path):
    certificate, key = self_signed(tmp_path)
    tls = {"CONTENT_TLS_CERTIFICATE": str(certificate), "CONTENT_TLS_KEY": str(key)}
    with running_platform(tmp_path, **tls) as platform:
        assert platform.facts.content.startswith("https://127.0.0.1:")
        port = platform.facts.content.rpartition(":")[2]
        answer = requests.get(f"https://localhost:{port}/pulp/content/", verify=str(certificate), timeout=30)
        assert answer.status_code == 200
        origin = platform.client.get("status/")["content_settings"]["content_origin"]
        assert origin == platform.facts.content


@pytest.mark.parametrize("module", ["api.service", "content.service", "pulp_actor.queue.service"])
def test_a_service_refuses_a_schema_that_is_behind(tmp_path, postgres, module):
    with postgres.empty() as url:
        done = subprocess.run(
            [sys.executable, "-m", module], capture_output=True, text=True, timeout=60, check=False,
            env=os.environ | {"PULP_DATABASE_URL": url, "PULP_DATA_DIR": str(tmp_path)},
        )
    assert done.returncode == 1
    assert "pulp-actor migrate" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_status_says_what_runs(platform, tmp_path):
    done = pulp_actor(tmp_path, "status", "--data-dir", str(platform.data_dir))
    assert done.returncode == 0, done.stdout
    assert "Health    ● well" in done.stdout
    answer = pulp_actor(tmp_path, "status", "--json", "--api", platform.facts.api)
    assert json.loads(answer.stdout)["database_connection"] == {"connected": True}
    nothing = pulp_actor(tmp_path, "status", "--data-dir", str(tmp_path))
    assert "nothing runs" in refused(nothing)
