"""Which store a domain's bytes lie in. The stores are made once per process and domain; `forget_stores` drops them."""

from __future__ import annotations

import json
import threading
import uuid
from pathlib import Path
from typing import Any

from pulp_actor.db import connected
from pulp_actor.domains import DEFAULT_DOMAIN_ID, current_domain_id
from pulp_actor.errors import ConfigurationError, NotFound
from pulp_actor.models import Domain
from pulp_actor.settings import settings
from pulp_actor.storage.base import Storage
from pulp_actor.storage.local import LocalStorage
from pulp_actor.storage.objects import ObjectStorage
from pulp_actor.storage.options import store_options

_OBJECT_CLASSES = ("s3", "azure", "gcs", "memory")

_stores: dict[tuple[uuid.UUID, str], Storage] = {}
_lock = threading.Lock()


def get_storage(domain_id: uuid.UUID | None = None) -> Storage:
    """The store of a domain; None stands for the current one. The setting ``STORAGE`` describes the default domain's.

    Raises:
        ConfigurationError: the description of the store cannot work.
        NotFound: there is no such domain.
    """
    domain_id = domain_id or current_domain_id()
    # The data directory is part of the key, because tests move it.
    key = (domain_id, str(settings.data_dir))
    store = _stores.get(key)
    if store is None:
        with _lock:
            store = _stores.get(key) or _stores.setdefault(key, _new(domain_id))
    return store


def forget_stores() -> None:
    """Make stores anew when they are asked for next: the settings or a domain changed."""
    with _lock:
        _stores.clear()


def _new(domain_id: uuid.UUID) -> Storage:
    """A new store for a domain."""
    if domain_id == DEFAULT_DOMAIN_ID:
        options = dict(settings.STORAGE)
        return _make(options.pop("class", "local"), options, settings.data_dir / "media")
    with connected():
        domain = Domain.get_or_none(Domain.id == domain_id)
    if domain is None:
        raise NotFound(f"there is no domain {domain_id}")
    options = json.loads(domain.storage_settings) if domain.storage_settings else {}
    store = _make(domain.storage_class, options, settings.data_dir / "domains" / str(domain_id))
    store.redirects = domain.redirect_to_object_storage
    return store


def _make(kind: str, given: dict[str, Any], directory: Path) -> Storage:
    """A store of a kind; ``directory`` is where a local one lies that names none."""
    options = store_options(kind, given)
    if kind == "local":
        return LocalStorage(Path(options.get("path") or directory).expanduser())
    if kind in _OBJECT_CLASSES:
        return ObjectStorage(kind, options)
    raise ConfigurationError(f"STORAGE: unknown class {kind!r}; known are local, s3, azure and gcs")
