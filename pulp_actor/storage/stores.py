"""Which store a domain's bytes lie in. The stores are made once per process and domain, and anew when the domain changes:
a process that listens hears of it, and who writes asks (`fresh_storage`)."""

from __future__ import annotations

import json
import threading
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pulp_actor.db import connected
from pulp_actor.domains import DEFAULT_DOMAIN_ID, current_domain_id, on_change
from pulp_actor.errors import ConfigurationError, NotFound
from pulp_actor.models import Domain
from pulp_actor.settings import settings
from pulp_actor.storage.base import Storage
from pulp_actor.storage.local import LocalStorage
from pulp_actor.storage.objects import ObjectStorage
from pulp_actor.storage.options import store_options, without_secrets

_OBJECT_CLASSES = ("s3", "azure", "gcs", "memory")


@dataclass(frozen=True)
class _Made:
    """A store, and what of the domain's row it was made from."""

    storage: Storage
    state: Any


_stores: dict[tuple[uuid.UUID, str], _Made] = {}
_lock = threading.Lock()


def get_storage(domain_id: uuid.UUID | None = None) -> Storage:
    """The store of a domain; None stands for the current one. The setting ``STORAGE`` describes the default domain's.

    Raises:
        ConfigurationError: the description of the store cannot work.
        NotFound: there is no such domain.
        Unreadable: no key opens its settings.
    """
    domain_id = domain_id or current_domain_id()
    # The data directory is part of the key, because tests move it.
    key = (domain_id, str(settings.data_dir))
    made = _stores.get(key)
    if made is None:
        with _lock:
            made = _stores.get(key) or _stores.setdefault(key, _new(domain_id))
    return made.storage


def fresh_storage(domain_id: uuid.UUID) -> Storage:
    """`get_storage`, for whoever is about to write and must not write to a store that the domain has just left. Call it
    under the lock that keeps domains where they are (`storage.artifacts.storing`)."""
    if domain_id == DEFAULT_DOMAIN_ID:
        return get_storage(domain_id)
    storage = get_storage(domain_id)
    key = (domain_id, str(settings.data_dir))
    made = _stores.get(key)
    if made is None or made.state != _state(_row(domain_id)):
        with _lock:
            made = _stores[key] = _new(domain_id)
        storage = made.storage
    return storage


def make_storage(domain_id: uuid.UUID, kind: str, given: dict[str, Any]) -> Storage:
    """A store for a domain that is not the default one: of a class, with settings as they were given.

    Raises:
        ConfigurationError: they cannot work; the text names no secret.
    """
    return _make(kind, given, settings.data_dir / "domains", str(domain_id))


def forget_stores() -> None:
    """Make stores anew when they are asked for next: the settings or a domain changed."""
    with _lock:
        _stores.clear()


on_change(forget_stores)


def _new(domain_id: uuid.UUID) -> _Made:
    """A new store for a domain."""
    if domain_id == DEFAULT_DOMAIN_ID:
        options = dict(settings.STORAGE)
        return _Made(_make(options.pop("class", "local"), options, settings.data_dir / "media", ""), None)
    domain = _row(domain_id)
    given = json.loads(domain.storage_settings) if domain.storage_settings else {}
    store = make_storage(domain_id, domain.storage_class, given)
    store.redirects = domain.redirect_to_object_storage
    return _Made(store, _state(domain))


def _row(domain_id: uuid.UUID) -> Domain:
    with connected():
        domain = Domain.get_or_none(Domain.id == domain_id)
    if domain is None:
        raise NotFound(f"there is no domain {domain_id}")
    return domain


def _state(domain: Domain) -> Any:
    return domain.storage_class, domain.storage_settings, domain.redirect_to_object_storage


def _make(kind: str, given: dict[str, Any], directory: Path, part: str) -> Storage:
    """A store of a kind; ``directory`` is where a local one lies that names no place, and ``part`` what of its place is
    this domain's: two domains may name one place, and their files are still apart."""
    options = store_options(kind, given)
    if kind == "local":
        return LocalStorage(Path(options.get("path") or directory).expanduser() / part)
    if kind not in _OBJECT_CLASSES:
        raise ConfigurationError(f"STORAGE: unknown class {kind!r}; known are local, s3, azure and gcs")
    if part and kind != "memory":
        options["prefix"] = "/".join(filter(None, [str(options.get("prefix") or "").strip("/"), part]))
    try:
        return ObjectStorage(kind, options)
    except ConfigurationError as error:
        raise ConfigurationError(without_secrets(str(error), given)) from None
