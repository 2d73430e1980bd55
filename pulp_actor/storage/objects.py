"""Stores in the cloud, through obstore: S3 and what speaks like it, Azure Blob Storage, Google Cloud Storage."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import obstore
from obstore.exceptions import BaseError
from obstore.store import AzureStore, GCSStore, MemoryStore, S3Store

from pulp_actor.errors import ConfigurationError
from pulp_actor.storage.azure import AzureSigner
from pulp_actor.storage.base import CHUNK_SIZE, Storage, StorageError, Usage, artifact_key
from pulp_actor.storage.s3 import S3Signer

#: Uploads that are under way at once for one caller.
UPLOADERS = 8

_SIGNERS: dict[str, type[S3Signer | AzureSigner]] = {"s3": S3Signer, "azure": AzureSigner}
_CLASSES: dict[str, Any] = {"s3": S3Store, "azure": AzureStore, "gcs": GCSStore, "memory": MemoryStore}


class ObjectStorage(Storage):
    """Keys are objects below a prefix of a bucket or container.

    Parameters:
        kind: ``s3``, ``azure`` or ``gcs``; ``memory`` is for tests.
        options: obstore's options of that store: ``{"bucket": "...", "endpoint": "...", ...}``; with ``client_options``
            (a dictionary) for the HTTP client.

    Raises:
        ConfigurationError: the options are not understood.
    """

    def __init__(self, kind: str, options: dict[str, Any]) -> None:
        self._signer = _SIGNERS[kind](options) if kind in _SIGNERS else None
        impatient = options | {"retry_config": {"max_retries": 0}}
        try:
            self._store = _CLASSES[kind](**options)
            # Who only wants to know whether the store is there must not be kept waiting until it is.
            self._probe = self._store if kind == "memory" else _CLASSES[kind](**impatient)
        except (BaseError, TypeError, ValueError) as error:
            raise ConfigurationError(f"STORAGE: the options of class {kind} are refused: {_reason(error)}") from error

    def local_path(self, key: str) -> None:
        return None

    def put_file(self, source: Path, key: str) -> None:
        # A key is only ever given the same bytes: one of the right size need not be sent again.
        try:
            if self.exists(key) and self.size(key) == source.stat().st_size:
                source.unlink()
                return
            obstore.put(self._store, key, source)
        except (BaseError, OSError) as error:
            raise StorageError(f"the store cannot be written: {_reason(error)}") from error
        source.unlink()

    def put_files(self, files: Iterable[tuple[Path, str]]) -> None:
        with ThreadPoolExecutor(UPLOADERS) as pool:
            for _ in pool.map(lambda pair: self.put_file(*pair), list(files)):
                pass

    def open(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        if end is not None and end <= start:
            return iter(())
        options: Any = None
        if end is not None:
            options = {"range": (start, end)}
        elif start:
            options = {"range": {"offset": start}}
        try:
            result = obstore.get(self._store, key, options=options)
        except BaseError as error:
            raise StorageError(f"the store cannot be read: {_reason(error)}") from error
        return _chunks(result)

    def size(self, key: str) -> int:
        try:
            return int(obstore.head(self._store, key)["size"])
        except BaseError as error:
            raise StorageError(f"the store cannot be read: {_reason(error)}") from error

    def check(self) -> None:
        try:
            obstore.head(self._probe, artifact_key("0" * 64))
        except FileNotFoundError:
            return
        except BaseError as error:
            raise StorageError(f"the store cannot be read: {_reason(error)}") from error

    def delete(self, key: str) -> None:
        try:
            obstore.delete(self._store, key)
        except FileNotFoundError:
            return
        except BaseError as error:
            raise StorageError(f"the store cannot be written: {_reason(error)}") from error

    def signed_url(self, key: str, lifetime: int, filename: str, content_type: str) -> str | None:
        if self._signer is not None and (url := self._signer.url(key, lifetime, filename, content_type)) is not None:
            return url
        if isinstance(self._store, MemoryStore):
            return None
        try:
            return obstore.sign(self._store, "GET", key, timedelta(seconds=lifetime))
        except BaseError as error:
            raise StorageError(f"no URL can be signed: {_reason(error)}") from error

    def usage(self) -> Usage:
        return Usage(None, None, None)


def _reason(error: BaseException) -> str:
    """What the library says, in one line: it follows that up with all that it knows of the request."""
    return str(error).partition("\n")[0].strip()


def _chunks(result: obstore.GetResult) -> Iterator[bytes]:
    try:
        for chunk in result.stream(min_chunk_size=CHUNK_SIZE):
            yield bytes(chunk)
    except BaseError as error:
        raise StorageError(f"the store broke off: {_reason(error)}") from error
