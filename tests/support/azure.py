"""An Azure Blob Storage server for tests: Azurite, Microsoft's own, from npm (``npm install --global azurite``)."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.support.ports import free_port

ACCOUNT = "devstoreaccount1"
#: The key that Azurite's documentation gives to everybody.
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
CONTAINER = "content"


def available() -> str | None:
    """The server's program, or None where it is not installed."""
    return shutil.which("azurite-blob")


@contextmanager
def azure_server() -> Iterator[dict[str, Any]]:
    """A server with one container, in memory; yields the setting ``STORAGE`` for it."""
    program, port = available(), free_port()
    assert program is not None
    process = subprocess.Popen(
        [program, "--inMemoryPersistence", "--blobPort", str(port), "--silent", "--skipApiVersionCheck",
         "--disableProductStyleUrl"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    endpoint = f"http://127.0.0.1:{port}/{ACCOUNT}"
    try:
        _make_container(endpoint, process)
        yield {
            "class": "azure", "account_name": ACCOUNT, "account_key": KEY, "container_name": CONTAINER, "endpoint": endpoint,
        }
    finally:
        process.terminate()
        process.wait(20)


def _make_container(endpoint: str, process: subprocess.Popen[bytes]) -> None:
    from azure.core.exceptions import ServiceRequestError
    from azure.storage.blob import ContainerClient

    client = ContainerClient(endpoint, CONTAINER, credential=KEY, retry_total=0)
    deadline = time.monotonic() + 60
    while True:
        try:
            client.create_container()
            return
        except ServiceRequestError:
            assert process.poll() is None, "Azurite has ended"
            assert time.monotonic() < deadline, "Azurite does not answer"
            time.sleep(0.1)
