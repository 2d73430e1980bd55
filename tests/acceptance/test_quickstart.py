"""docs/quickstart.md, followed to the letter: its shell examples are run one after another, as a reader would."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.platform import command_environment
from tests.support.services import free_port

pytestmark = pytest.mark.slow

QUICKSTART = Path(__file__).parents[2] / "docs" / "quickstart.md"


def test_the_quickstart_works(tmp_path: Path) -> None:
    examples = re.findall(r"^```sh\n(.*?)^```$", QUICKSTART.read_text(), re.DOTALL | re.MULTILINE)
    assert len(examples) >= 6
    # Its ports may be taken on the machine that tests run on; everything else is as it stands there.
    api, content, origin = free_port(), free_port(), free_port()
    environment = command_environment(
        tmp_path, API_BIND=f"127.0.0.1:{api}", CONTENT_BIND=f"127.0.0.1:{content}", DATA_DIR=str(tmp_path / "data"))
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    script = "\n".join(examples).replace("24816", str(content)).replace("8765", str(origin))
    # The background server is given a moment by whoever types; here it is waited for.
    script = script.replace("echo $! > origin.pid", (
        "echo $! > origin.pid\n"
        f"until curl --silent --fail http://127.0.0.1:{origin}/PULP_MANIFEST > /dev/null; do :; done"))
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], env=environment, cwd=tmp_path, capture_output=True, text=True,
        check=False, timeout=110)
    try:
        assert done.returncode == 0, done.stdout + done.stderr
        assert re.search(r"^hello$", done.stdout, re.MULTILINE)
        assert "version 1" in done.stdout
        assert done.stdout.rstrip().endswith("stopped")
    finally:
        subprocess.run([sys.executable, "-m", "pulp_actor.cli.main", "down"], env=environment, check=False, timeout=60,
                       capture_output=True)
