"""docs/quickstart.md, followed to the letter: its shell examples are run one after another, as a reader would, from the
installation on."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.support.platform import command_environment
from tests.support.services import free_port

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
QUICKSTART = ROOT / "docs" / "quickstart.md"
#: What an installation is made of.
SOURCES = ("setup.cfg", "pyproject.toml", "README.md", "LICENSE", "pulp_actor", "api", "content", "actors")


@pytest.fixture
def source_tree(tmp_path: Path) -> Path:
    """A copy that nobody has built in yet."""
    tree = tmp_path / "source tree"
    tree.mkdir()
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, tree / name)
    return tree


def reader_environment(home: Path, **settings: str) -> dict[str, str]:
    """A shell of somebody who has this Python. What is installed for the tests stands in for the package index: nothing is
    downloaded, and what setup.cfg asks for and is not there is an error."""
    environment = command_environment(home, **settings)
    environment |= {"PYTHONPATH": sysconfig.get_path("purelib"), "PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0"}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    return environment


def test_the_quickstart_works(source_tree: Path, tmp_path: Path) -> None:
    examples = re.findall(r"^```sh\n(.*?)^```$", QUICKSTART.read_text(), re.DOTALL | re.MULTILINE)
    assert len(examples) >= 7
    assert "```console" not in QUICKSTART.read_text(), "every example is run"
    # Its ports may be taken on the machine that tests run on; everything else is as it stands there.
    api, content, origin = free_port(), free_port(), free_port()
    environment = reader_environment(
        tmp_path, API_BIND=f"127.0.0.1:{api}", CONTENT_BIND=f"127.0.0.1:{content}", DATA_DIR=str(tmp_path / "data"))
    script = "\n".join(examples).replace("24816", str(content)).replace("8765", str(origin))
    # The background server is given a moment by whoever types; here it is waited for.
    script = script.replace("echo $! > origin.pid", (
        "echo $! > origin.pid\n"
        f"until curl --silent --fail http://127.0.0.1:{origin}/PULP_MANIFEST > /dev/null; do :; done"))
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", f"{script}\ncommand -v pulp-actor"], env=environment, cwd=source_tree,
        capture_output=True, text=True, check=False, timeout=110)
    try:
        assert done.returncode == 0, done.stdout + done.stderr
        assert re.search(r"^hello$", done.stdout, re.MULTILINE)
        assert "version 1" in done.stdout
        stopped, command = done.stdout.splitlines()[-2:]
        assert stopped.endswith("stopped")
        assert command == str(source_tree / ".venv" / "bin" / "pulp-actor"), "what was run is what was installed"
    finally:
        subprocess.run([sys.executable, "-m", "pulp_actor.cli.main", "down"], env=environment, check=False, timeout=60,
                       capture_output=True)
