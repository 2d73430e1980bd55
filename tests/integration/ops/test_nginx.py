"""`deploy/nginx/pulp.conf` in a real nginx before a real platform: TLS, API and content behind one port, files that nginx
sends itself, static files; and nothing that is to stay inside."""

from __future__ import annotations

import datetime
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from pulp_actor.settings import settings
from pulp_actor.static import collect
from tests.support.nginx import free_port, needed, program
from tests.support.origin import make_files, running_origin, sha256
from tests.support.platform import RunningPlatform, running_platform
from tests.support.workers.waiting import eventually

CONFIGURATION = Path(__file__).parents[3] / "deploy" / "nginx" / "pulp.conf"
FRAME = """
{user} worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
  default_type application/octet-stream; types {{ text/css css; text/javascript js; }} access_log {folder}/access.log;
  client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
  uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  include {folder}/pulp.conf;
}}
"""


def make_certificate(folder: Path, name: str) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True).sign(key, hashes.SHA256()))
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))


def configured(platform: RunningPlatform, folder: Path, tls: int, plain: int) -> str:
    """The shipped configuration with this test's addresses and directories; each that is replaced has to be there."""
    text = CONFIGURATION.read_text()
    for shipped, here in {
        "127.0.0.1:24817": platform.facts.api.removeprefix("http://"),
        "127.0.0.1:24816": platform.facts.content.removeprefix("http://"),
        "listen 443": f"listen 127.0.0.1:{tls}", "listen 80": f"listen 127.0.0.1:{plain}",
        "pulp.example.org": "localhost", "/etc/pulp-actor/tls": str(folder),
        "/var/lib/pulp-actor/media": str(platform.data_dir / "media"), "/var/lib/pulp-actor/static": str(folder / "static"),
    }.items():
        assert shipped in text, shipped
        text = text.replace(shipped, here)
    return text


class Front:
    def __init__(self, platform: RunningPlatform, folder: Path, tls: int, plain: int) -> None:
        self.platform, self.url, self.plain = platform, f"https://localhost:{tls}", f"http://localhost:{plain}"
        self._authority = str(folder / "certificate.pem")

    def get(self, path: str, headers: dict[str, str] | None = None) -> requests.Response:
        return requests.get(
            self.url + path, headers=headers, timeout=20, allow_redirects=False, verify=self._authority)


@contextmanager
def running_nginx(folder: Path) -> Iterator[None]:
    process = subprocess.Popen(
        [program() or "nginx", "-c", str(folder / "nginx.conf"), "-p", str(folder), "-e", str(folder / "error.log")],
        stderr=(folder / "said").open("wb"))
    try:
        yield
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    needed()
    folder, tls, plain = tmp_path_factory.mktemp("front"), free_port(), free_port()
    make_certificate(folder, "localhost")
    with settings.override(STATIC_ROOT=str(folder / "static")):
        collect(folder / "static")
    offload = {"CONTENT_OFFLOAD": "x-accel-redirect", "CONTENT_ORIGIN": f"https://localhost:{tls}"}
    with running_platform(tmp_path_factory.mktemp("behind"), WORKERS="1", **offload) as platform:
        (folder / "pulp.conf").write_text(configured(platform, folder, tls, plain))
        user = "user root;" if os.geteuid() == 0 else ""
        (folder / "nginx.conf").write_text(FRAME.format(folder=folder, user=user))
        with running_nginx(folder):
            front = Front(platform, folder, tls, plain)
            eventually(lambda: _answers(front), 20, lambda: (folder / "error.log").read_text())
            yield front


def _answers(front: Front) -> bool:
    try:
        return front.get("/pulp/api/v3/livez/").status_code == 200
    except requests.exceptions.SSLError:
        raise
    except requests.ConnectionError:
        return False


def test_plain_http_is_led_to_tls(front: Front) -> None:
    answer = requests.get(f"{front.plain}/pulp/api/v3/status/", timeout=10, allow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (308, "https://localhost/pulp/api/v3/status/")
    assert front.get("/").headers["Location"].endswith("/pulp/api/v3/")


def test_api_and_content_are_behind_one_port(front: Front) -> None:
    status = front.get("/pulp/api/v3/status/")
    assert status.json()["content_settings"]["content_origin"] == front.url
    assert status.headers["Strict-Transport-Security"]
    assert front.get("/pulp/content/").status_code == 200


@pytest.fixture(scope="module")
def mirrored(front: Front) -> dict[str, bytes]:
    made = make_files(3, "front") | {"large.bin": os.urandom(300_000)}
    client = front.platform.client
    with running_origin() as origin:
        remote = client.create("remotes/file/file/", {"name": "front", "url": origin.publish("front", made)})
        repository = client.create("repositories/file/file/", {"name": "front", "remote": remote["pulp_href"]})
        client.run(f"{repository['pulp_href']}sync/", {})
    client.create("distributions/file/file/", {
        "name": "front", "base_path": "front", "repository": repository["pulp_href"]})
    return made


def test_nginx_sends_the_files(front: Front, mirrored: dict[str, bytes]) -> None:
    for name, data in mirrored.items():
        answer = front.get(f"/pulp/content/front/{name}")
        assert sha256(answer.content) == sha256(data)
        assert answer.headers["ETag"] == f'"{sha256(data)}"'
    part = front.get("/pulp/content/front/large.bin", headers={"Range": "bytes=1000-1999"})
    assert (part.status_code, part.content) == (206, mirrored["large.bin"][1000:2000])
    again = front.get("/pulp/content/front/large.bin", headers={"If-None-Match": f'"{sha256(mirrored["large.bin"])}"'})
    assert again.status_code == 304
    direct = requests.get(front.platform.content_url("front/large.bin"), timeout=10)
    assert direct.headers["X-Accel-Redirect"].startswith("/internal-media/"), "the bytes came from nginx"


def test_static_files_come_from_nginx(front: Front) -> None:
    for path in ("/static/core/swagger/swagger-ui.css", "/pulp/api/v3/docs/static/swagger/swagger-ui.css"):
        answer = front.get(path)
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/css")
        assert answer.headers["Cache-Control"] == "max-age=3600"
    assert front.get("/pulp/console/static/icon.svg").headers["Cache-Control"] == "max-age=3600"
    assert front.get("/pulp/console/").status_code == 200


@pytest.mark.parametrize("path", ["/metrics", "/livez/", "/readyz/", "/internal-media/artifact/", "/pulp/../metrics"])
def test_what_is_to_stay_inside_does(front: Front, path: str) -> None:
    assert front.get(path).status_code == 404


def test_what_a_client_makes_up_is_not_passed_on(front: Front, mirrored: dict[str, bytes]) -> None:
    """A header guard on X-CLIENT-CERT would let through whoever sends it; nginx replaces it."""
    client = front.platform.client
    guard = client.create("contentguards/core/header/", {
        "name": "made-up", "header_name": "X-CLIENT-CERT", "header_value": "trust me"})
    repository = client.find("repositories/file/file/", name="front")
    assert repository is not None
    client.create("distributions/file/file/", {
        "name": "guarded", "base_path": "guarded", "repository": repository["pulp_href"],
        "content_guard": guard["pulp_href"]})
    assert front.get("/pulp/content/guarded/large.bin", headers={"X-CLIENT-CERT": "trust me"}).status_code == 403
    direct = requests.get(
        front.platform.content_url("guarded/large.bin"), timeout=10, headers={"X-CLIENT-CERT": "trust me"})
    assert direct.status_code == 200
