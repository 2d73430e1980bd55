"""Which store a domain's bytes lie in. The stores are made once per process and domain; `forget_stores` drops them."""

from __future__ import annotations

import json
import threading
import uuid
from pathlib import Path
from typing import Any

from pulp_actor.db import connected
from pulp_actor.errors import ConfigurationError, NotFound
from pulp_actor.models import DEFAULT_DOMAIN_ID, Domain
from pulp_actor.settings import settings
from pulp_actor.storage.base import Storage
from pulp_actor.storage.local import LocalStorage
from pulp_actor.storage.objects import ObjectStorage

_OBJECT_CLASSES = ("s3", "azure", "gcs", "memory")

_stores: dict[tuple[uuid.UUID, str], Storage] = {}
_lock = threading.Lock()


def get_storage(domain_id: uuid.UUID | None = None) -> Storage:
    """The store of a domain; None stands for the default domain, whose store the setting ``STORAGE`` describes.

    Raises:
        ConfigurationError: the description of the store cannot work.
        NotFound: there is no such domain.
    """
    domain_id = domain_id or DEFAULT_DOMAIN_ID
    # The data directory is part of the key, because tests move it.
    key = (domain_id, str(settings.data_dir))
    store = _stores.get(key)
    if store is None:
        with _lock:
            store = _stores.get(key) or _stores.setdefault(key, _make(*_description(domain_id)))
    return store


def forget_stores() -> None:
    """Make stores anew when they are asked for next: the settings or a domain changed."""
    with _lock:
        _stores.clear()


def _description(domain_id: uuid.UUID) -> tuple[dict[str, Any], Path]:
    """What a domain's store is, and the directory it has if it is a local one that names none."""
    media = settings.data_dir / "media"
    if domain_id == DEFAULT_DOMAIN_ID:
        return settings.STORAGE, media
    with connected():
        domain = Domain.get_or_none(Domain.id == domain_id)
    if domain is None:
        raise NotFound(f"there is no domain {domain_id}")
    options = json.loads(domain.storage_settings) if domain.storage_settings else {}
    return {"class": domain.storage_class, **options}, settings.data_dir / "domains" / str(domain_id)


def _make(description: dict[str, Any], directory: Path) -> Storage:
    options = dict(description)
    kind = options.pop("class", "local")
    if kind == "local":
        return LocalStorage(Path(options.get("path") or directory).expanduser())
    if kind in _OBJECT_CLASSES:
        return ObjectStorage(kind, options)
    raise ConfigurationError(f"STORAGE: unknown class {kind!r}; known are local, s3, azure and gcs")
