"""What commands show on a terminal, and as JSON."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

from tests.support.origin import Origin, make_files
from tests.support.platform import COMMAND_TIMEOUT, RunningPlatform, command_environment, pulp_actor


def on_a_terminal(directory: Path, columns: int, *arguments: str) -> str:
    """What the command shows on a terminal of so many columns."""
    ours, theirs = pty.openpty()
    environment = command_environment(directory) | {"COLUMNS": str(columns), "TERM": "xterm"}
    command = subprocess.Popen(
        [sys.executable, "-m", "pulp_actor.cli.main", *arguments], env=environment, cwd=directory,
        stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    said = b""
    try:
        while part := os.read(ours, 65536):
            said += part
    except OSError:  # how Linux says that the other side has closed
        pass
    os.close(ours)
    assert command.wait(COMMAND_TIMEOUT) == 0, said.decode()
    return said.decode()


def test_mirror_and_repair_show_progress_on_a_terminal_only(
    platform: RunningPlatform, origin: Origin, tmp_path: Path
) -> None:
    origin.publish("shelf", make_files(7, "terminal"))
    here = ("--data-dir", str(platform.data_dir))
    mirror = ("mirror", f"{origin.url}/shelf/", "--at", "terminal-shelf", *here)
    said = on_a_terminal(tmp_path, 80, *mirror)
    assert "Downloading Artifacts" in said
    assert "7/7" in said
    piped = pulp_actor(tmp_path, *mirror, "--json")
    made = json.loads(piped.stdout)
    assert (made["version"], made["files"], made["changed"]) == (1, 7, False)
    assert piped.stderr == ""
    assert "Check stored files" in on_a_terminal(tmp_path, 80, "repair", "terminal-shelf", *here)


def test_repair_fetches_a_damaged_file_again_and_says_what_it_cannot(
    platform: RunningPlatform, origin: Origin, tmp_path: Path
) -> None:
    files = make_files(2, "to be damaged")
    origin.publish("worn", files)
    here = ("--data-dir", str(platform.data_dir))
    assert pulp_actor(tmp_path, "mirror", f"{origin.url}/worn/", "--at", "worn", *here).returncode == 0
    path = next(iter(files))
    for stored in (platform.data_dir / "media").rglob("*"):
        if stored.is_file() and stored.read_bytes() == files[path]:
            stored.chmod(0o600)
            stored.write_bytes(b"x" * len(files[path]))
    done = pulp_actor(tmp_path, "repair", "worn", *here)
    assert (done.returncode, done.stdout) == (0, "0 missing, 1 damaged; 1 of them repaired\n"), done.stderr
    assert pulp_actor(tmp_path, "repair", "worn", *here).stdout == "✓ every file is whole\n"
    refused = pulp_actor(tmp_path, "repair", "no such repository", *here)
    assert (refused.returncode, refused.stderr) == (1, "pulp-actor: there is no repository 'no such repository'\n")


def test_status_and_top_fit_on_80_columns(platform: RunningPlatform, tmp_path: Path) -> None:
    here = ("--data-dir", str(platform.data_dir))
    status = on_a_terminal(tmp_path, 80, "status", *here)
    assert "● well" in status
    assert f"{platform.facts.api}/pulp/console/" in status
    assert "2 online, 0 busy" in status
    top = on_a_terminal(tmp_path, 80, "tasks", "top", "--once", *here)
    assert "workers" in top
    assert "HEARTBEAT" in top
