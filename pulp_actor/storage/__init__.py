"""Object stores: where the bytes of artifacts lie. Everything blocks; event loops call it from threads."""

from pulp_actor.storage.base import Storage, StorageError, StorageFull, TemporaryFile, Usage, artifact_key
from pulp_actor.storage.digests import Digester
from pulp_actor.storage.stores import forget_stores, get_storage, make_storage

__all__ = [
    "Digester", "Storage", "StorageError", "StorageFull", "TemporaryFile", "Usage", "artifact_key", "forget_stores",
    "get_storage", "make_storage",
]
