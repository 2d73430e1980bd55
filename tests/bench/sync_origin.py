"""The origin of the sync benchmarks: an nginx that serves files of 64 bytes, and manifests ``MANIFEST-<count>`` of the first
so many of them. Only as many files are there as are really downloaded; a sync on demand asks for the manifest alone."""

from __future__ import annotations

import hashlib
import multiprocessing
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.nginx import nginx

SPAWN = multiprocessing.get_context("spawn")
SIZE = 64


def body(number: int) -> bytes:
    return f"file {number}\n".encode().ljust(SIZE, b".")


def path_of(number: int) -> str:
    return f"dir-{number % 100}/file-{number}"


@contextmanager
def origin(files: int, manifests: Iterable[int]) -> Iterator[str]:
    """Run the origin with this many files and these manifests; yields its base URL."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "files"
        for number in range(min(100, files)):
            (root / f"dir-{number}").mkdir(parents=True)
        root.mkdir(exist_ok=True)
        for number in range(files):
            (root / path_of(number)).write_bytes(body(number))
        for count in set(manifests):
            with (root / f"MANIFEST-{count}").open("w") as manifest:
                for number in range(count):
                    manifest.write(f"{path_of(number)},{hashlib.sha256(body(number)).hexdigest()},{SIZE}\n")
        with nginx(Path(folder), f"root {root};") as port:
            yield f"http://127.0.0.1:{port}/"
