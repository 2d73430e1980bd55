"""Static files: gathered for a web server, or served by the API itself in development; and the development server."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from falcon.testing import TestClient

from api.app import make_app
from pulp_actor import static
from pulp_actor.cli.main import main
from pulp_actor.errors import ConfigurationError
from pulp_actor.settings import settings
from pulp_actor.static import collect, static_folders
from tests.support.origin import make_files, running_origin, sha256
from tests.support.platform import command_environment
from tests.support.services import free_port

FILE = "swagger/swagger-ui.css"


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def brought(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The static folder of a plugin beside the core's."""
    folder = tmp_path / "plugin" / "static"
    folder.mkdir(parents=True)
    (folder / "logo.svg").write_text("<svg/>")
    core = static_folders()["core"]
    monkeypatch.setattr(static, "static_folders", lambda: {"core": core, "recipe": folder})
    return folder


def test_collectstatic_gathers_core_and_plugins(
    tmp_path: Path, brought: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "root"
    with settings.override(STATIC_ROOT=str(root)):
        main_ends_well(["collectstatic"])
        assert files(root / "core") == files(static_folders()["core"])
        assert files(root / "recipe") == {"logo.svg": b"<svg/>"}
        assert f"0 removed in {root}" in capsys.readouterr().out
        (brought / "logo.svg").rename(brought / "mark.svg")
        (root / "somebody-else's").write_text("stays")
        main_ends_well(["collectstatic"])
    assert re.match(r"1 copied, \d+ unchanged, 1 removed", capsys.readouterr().out)
    assert files(root / "recipe") == {"mark.svg": b"<svg/>"}
    assert (root / "somebody-else's").exists()


def main_ends_well(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 0


def test_files_are_not_gathered_into_where_they_come_from(brought: Path) -> None:
    with pytest.raises(ConfigurationError, match="must not lie in"):
        collect(brought / "deeper")


def test_a_root_that_cannot_be_written_is_an_error(tmp_path: Path, brought: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="cannot be gathered"):
        collect(tmp_path / "file" / "root")


@pytest.mark.parametrize(("debug", "status"), [(True, 200), (False, 404)])
def test_the_api_serves_them_in_development_only(debug: bool, status: int) -> None:
    with settings.override(DEBUG=debug):
        answer = TestClient(make_app()).simulate_get(f"/static/core/{FILE}")
    assert answer.status_code == status
    if debug:
        assert answer.content == (static_folders()["core"] / FILE).read_bytes()
        assert answer.headers["content-type"].startswith("text/css")


def test_runserver_mirrors_and_serves_in_one_process(tmp_path: Path) -> None:
    port, content = free_port(), free_port()
    environment = command_environment(
        tmp_path, CONTENT_BIND=f"127.0.0.1:{content}", ADMIN_PASSWORD="secret", DATA_DIR=str(tmp_path / "data"))
    process = subprocess.Popen(
        [sys.executable, "-m", "pulp_actor.cli.main", "runserver", str(port)], env=environment, cwd=tmp_path,
        stdout=subprocess.PIPE, stderr=(tmp_path / "log").open("wb"), text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(f"http://127.0.0.1:{port}/pulp/api/v3/"), (tmp_path / "log").read_text()
        api = f"http://127.0.0.1:{port}"
        assert requests.get(f"{api}/static/core/{FILE}", timeout=10).status_code == 200
        with running_origin() as origin:
            made = make_files(5, "runserver")
            done = subprocess.run(
                [sys.executable, "-m", "pulp_actor.cli.main", "mirror", origin.publish("r", made), "--at", "r",
                 "--api", api, "--user", "admin", "--password", "secret"],
                env=environment, capture_output=True, text=True, check=False, timeout=90)
        assert done.returncode == 0, done.stderr + (tmp_path / "log").read_text()
        for name, data in made.items():
            got = requests.get(f"http://127.0.0.1:{content}/pulp/content/r/{name}", timeout=10)
            assert sha256(got.content) == sha256(data)
        process.send_signal(signal.SIGINT)
        assert process.wait(40) == 0, (tmp_path / "log").read_text()
    finally:
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
