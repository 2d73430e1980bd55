"""Keys, hrefs and PRNs: the one place that makes them, and the one that reads them.

Where domains are on, an href has a domain in it: the one that work is done in. (One without, from the time before they were
switched on, leads into the default domain.) An href that leads into another domain is refused; one that leads to what
belongs to the whole installation (a user, a worker) may name any.

A *resource type* ties a peewee model (and, where several kinds share its table, a ``type`` value such as
``file.file``) to its path below the API root and to its PRN prefix. Plugins register theirs when they are loaded.
"""

from __future__ import annotations

import os
import re
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pulp_actor.domains import DEFAULT_DOMAIN, belongs_to_domain, current_domain
from pulp_actor.errors import NotFound
from pulp_actor.settings import settings

UUID_PATTERN = "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"


def uuid7() -> uuid.UUID:
    """A time-ordered key (RFC 9562, section 5.7): 48 bits of Unix milliseconds, then random bits."""
    random = int.from_bytes(os.urandom(10), "big")
    value = (time.time_ns() // 1_000_000 & 0xFFFF_FFFF_FFFF) << 80 | random
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return uuid.UUID(int=value)


@dataclass(frozen=True)
class ResourceType:
    """What a kind of object is called on the wire.

    Attributes:
        model: the peewee model that holds it.
        path: below the API root, without slashes at its ends: ``repositories/file/file``.
        prn: the part of its PRN between ``prn:`` and the key: ``file.filerepository``.
        type: the value of the model's ``type`` column, or None where the model has no such column.
    """

    model: Any
    path: str
    prn: str
    type: str | None = None

    @property
    def component(self) -> str:
        """The component it belongs to: ``core``, or a plugin's name."""
        return self.prn.partition(".")[0]


class Registry:
    """Every resource type that core and the installed plugins have registered."""

    def __init__(self) -> None:
        self._by_path: dict[str, ResourceType] = {}
        self._by_model: dict[tuple[Any, str | None], ResourceType] = {}
        self._by_prn: dict[str, ResourceType] = {}

    def register(self, resource: ResourceType) -> ResourceType:
        """Add a resource type; registering the same one again is harmless."""
        for key, table in ((resource.path, self._by_path), (resource.prn, self._by_prn)):
            if table.setdefault(key, resource) != resource:
                raise ValueError(f"{key} is registered twice")
        self._by_model[resource.model, resource.type] = resource
        return resource

    def of(self, instance: Any) -> ResourceType:
        """The resource type of a model instance."""
        return self.get(type(instance), getattr(instance, "type", None))

    def get(self, model: Any, type_: str | None = None) -> ResourceType:
        """The resource type of ``model`` and, where it has one, its ``type`` value."""
        found = self._by_model.get((model, type_)) or self._by_model.get((model, None))
        if found is None and type_ is None:  # a detail model, whose only type is known from the model alone
            candidates = self.of_model(model)
            found = candidates[0] if len(candidates) == 1 else None
        if found is None:
            raise KeyError(f"no resource type for {model.__name__} {type_ or ''}")
        return found

    def by_path(self, path: str) -> ResourceType:
        return self._by_path[path]

    def by_prn(self, prefix: str) -> ResourceType:
        return self._by_prn[prefix]

    def of_model(self, model: Any) -> list[ResourceType]:
        """All resource types that share ``model``'s table."""
        return [r for r in self._by_path.values() if r.model is model]

    def __iter__(self) -> Iterator[ResourceType]:
        return iter(self._by_path.values())


registry = Registry()


def api_root() -> str:
    """The path of version 3 of the API without a domain, with slashes at both ends: ``/pulp/api/v3/``."""
    return f"{settings.API_ROOT}api/v3/"


def api_prefix(domain: str = "") -> str:
    """What hrefs begin with: ``/pulp/api/v3/``, or ``/pulp/<domain>/api/v3/`` where domains are on; the current domain
    unless another one's name is given."""
    if not settings.DOMAIN_ENABLED:
        return api_root()
    return f"{settings.API_ROOT}{domain or current_domain().name}/api/v3/"


def console_path() -> str:
    """Where the web console is: ``/pulp/console/``."""
    return f"{settings.API_ROOT.rstrip('/')}/console/"


def split_api_path(path: str) -> tuple[str, str] | None:
    """The domain in a path and what follows the prefix; the domain is empty where the path has none. None: it is no path of
    the API."""
    root = api_root()
    if path.startswith(root):
        return "", path[len(root):]
    if not settings.DOMAIN_ENABLED or not path.startswith(settings.API_ROOT):
        return None
    domain, found, rest = path[len(settings.API_ROOT):].partition("/api/v3/")
    return (domain, rest) if found and domain and "/" not in domain else None


def href_of(resource: ResourceType, key: Any) -> str:
    """The href of the object of type ``resource`` with primary key ``key``."""
    return f"{api_prefix()}{resource.path}/{key}/"


def prn_of(resource: ResourceType, key: Any) -> str:
    """The PRN of the object of type ``resource`` with primary key ``key``."""
    return f"prn:{resource.prn}:{key}"


def href(instance: Any) -> str:
    """The href of a model instance."""
    return href_of(registry.of(instance), instance.get_id())


def prn(instance: Any) -> str:
    """The PRN of a model instance."""
    return prn_of(registry.of(instance), instance.get_id())


def version_href(repository_type: str, repository_id: Any, number: int) -> str:
    """The href of a repository version, which lives below its repository."""
    from pulp_actor.models.repository import Repository  # noqa: PLC0415  (models import this module)

    return f"{href_of(registry.get(Repository, repository_type), repository_id)}versions/{number}/"


@dataclass(frozen=True)
class Reference:
    """A parsed href or PRN: its resource type and key. For a repository version given by href, ``resource`` and
    ``key`` are the repository's and ``version`` is the number."""

    resource: ResourceType
    key: str
    version: int | None = None


_VERSION_TAIL = re.compile(r"^(?P<path>.+)/(?P<key>[^/]+)/versions/(?P<number>\d{1,9})$")
_PRN = re.compile(rf"^prn:(?P<prefix>[a-z0-9_]+\.[a-z0-9_]+):(?P<key>{UUID_PATTERN}|\d{{1,18}})$")


def parse_reference(text: str, *, anywhere: bool = False) -> Reference:
    """Read an href (``/pulp/api/v3/…/``) or a PRN (``prn:file.filerepository:…``).

    Parameters:
        anywhere: accept an href of another domain too, for those who work on the whole installation.

    Raises:
        NotFound: it is neither, of a type that is not known, or of another domain. Whether the object exists, and for a PRN
            in which domain, is not looked up.
    """
    match = _PRN.match(text)
    if match:
        try:
            return Reference(registry.by_prn(match["prefix"]), match["key"])
        except KeyError:
            raise NotFound(f"{text} names no known type of object") from None
    split = split_api_path(text)
    if split is None:
        raise NotFound(f"{text!r} is neither an href of this server nor a PRN")
    domain, path = split[0] or DEFAULT_DOMAIN.name, split[1].strip("/")
    version = _VERSION_TAIL.match(path)
    number = int(version["number"]) if version else None
    if version:
        path = f"{version['path']}/{version['key']}"
    path, _, key = path.rpartition("/")
    try:
        resource = registry.by_path(path)
    except KeyError:
        raise NotFound(f"{text} names no known type of object") from None
    if not re.fullmatch(rf"{UUID_PATTERN}|\d{{1,18}}", key):
        raise NotFound(f"{text} does not end in a key")
    if not anywhere and domain != current_domain().name and belongs_to_domain(resource.model):
        raise NotFound(f"{text} leads out of the domain {current_domain().name}")
    return Reference(resource, key, number)
