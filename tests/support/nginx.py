"""A real nginx for tests and benchmarks. Where it is not installed, tests are skipped; in CI they fail."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.ports import free_port

_CONFIGURATION = """
{user} worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 2048; }}
http {{
  access_log off; sendfile on; keepalive_requests 100000000; default_type application/octet-stream;
  client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
  uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  server {{ listen 127.0.0.1:{port} {listen}; {server} }}
}}
"""


def program() -> str | None:
    """nginx's binary, or None where it is not installed."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


def needed() -> None:
    """Skip the test, or in CI fail it, where nginx is not installed."""
    if program() is None:
        if os.environ.get("CI"):
            raise RuntimeError("nginx is not installed; see tests/system-packages.txt")
        pytest.skip("nginx is not installed")


@contextmanager
def nginx(folder: Path, server: str, *, listen: str = "", binary: str | None = None) -> Iterator[int]:
    """nginx with one server on a free port of loopback, for the length of the block; yields the port.

    Parameters:
        folder: an empty directory for its files.
        server: directives of the server block.
        listen: what else follows the address in its ``listen`` directive, such as ``ssl``.
        binary: which nginx; by default the installed one.
    """
    port = free_port()
    configuration = folder / "nginx.conf"
    # Started as root, it would become somebody who may not read our directories.
    user = "user root;" if os.geteuid() == 0 else ""
    configuration.write_text(_CONFIGURATION.format(folder=folder, port=port, user=user, server=server, listen=listen))
    errors = folder / "error.log"
    command = [binary or program() or "nginx", "-c", str(configuration), "-p", str(folder), "-e", str(errors)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        _wait_for(port, process, errors)
        yield port
    finally:
        process.terminate()
        process.wait(20)


def _wait_for(port: int, process: subprocess.Popen[bytes], errors: Path) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if process.poll() is not None:
                break
            time.sleep(0.02)
        else:
            return
    raise RuntimeError(f"nginx does not listen: {errors.read_text() if errors.exists() else ''}")
