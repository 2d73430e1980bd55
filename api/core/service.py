"""The API's own endpoints: status, liveness and housekeeping that belongs to no one object."""

from __future__ import annotations

import time
from typing import Any

import peewee
import psycopg2

from api.call import Answer, Call
from api.endpoints import ANYONE, Endpoint, Operation
from api.operations import action
from api.queries import execute
from api.schemas.base import WireSchema, refuse
from api.schemas.common import AsyncOperation
from api.schemas.fields import Boolean, Integer, Json, Text, wire_time
from api.schemas.nested import Object
from api.schemas.references import References
from pulp_actor import API_CONTRACT_VERSION, __version__
from pulp_actor.db import connected
from pulp_actor.domains import domain_resource
from pulp_actor.health import readiness
from pulp_actor.logs import get_logger
from pulp_actor.models import Content
from pulp_actor.plugins import load_plugins
from pulp_actor.settings import settings
from pulp_actor.storage import StorageError, get_storage

ORPHAN_CLEANUP = "pulpcore.app.tasks.orphan.orphan_cleanup"

#: Seconds for which the store's usage is remembered; measuring it can be slow.
USAGE_TTL = 10.0

logger = get_logger(__name__)


class Version(WireSchema):
    wire_name = "Version"
    component = Text(required=True)
    version = Text(required=True)
    package = Text(required=True)
    module = Text(required=True)
    domain_compatible = Boolean(required=True)


class AppStatus(WireSchema):
    wire_name = "AppStatus"
    name = Text(read_only=True)
    last_heartbeat = Text(format="date-time", read_only=True)
    versions = Json(type="object", values="string", read_only=True)


class Connection(WireSchema):
    wire_name = "DatabaseConnection"
    connected = Boolean(required=True)


class RedisConnection(WireSchema):
    wire_name = "RedisConnection"
    connected = Boolean(required=True)


class StorageUsage(WireSchema):
    wire_name = "Storage"
    total = Integer(required=True, null=True, minimum=0)
    used = Integer(required=True, null=True, minimum=0)
    free = Integer(required=True, null=True, minimum=0)


class ContentSettings(WireSchema):
    wire_name = "ContentSettings"
    content_origin = Text(null=True)
    content_path_prefix = Text(required=True)


class Status(WireSchema):
    wire_name = "Status"
    versions = Object(Version, many=True, required=True)
    online_workers = Object(AppStatus, many=True, required=True)
    online_api_apps = Object(AppStatus, many=True, required=True)
    online_content_apps = Object(AppStatus, many=True, required=True)
    database_connection = Object(Connection, required=True)
    redis_connection = Object(RedisConnection)
    storage = Object(StorageUsage)
    content_settings = Object(ContentSettings, required=True)
    domain_enabled = Boolean(required=True)


def component_versions() -> list[dict[str, Any]]:
    """What is installed: the core and the plugins under the versions that clients compare, then the platform's own."""
    def version(component: str, number: str, package: str, module: str, domains: bool = True) -> dict[str, Any]:
        return {
            "component": component, "version": number, "package": package, "module": module, "domain_compatible": domains,
        }

    return [
        version("core", API_CONTRACT_VERSION, "pulpcore", "pulpcore.app"),
        *[version(p.name, p.version, p.package, p.module, p.domain_compatible) for p in load_plugins()],
        version("actor", __version__, "pulp-actor", "pulp_actor"),
    ]


_ONLINE = "SELECT kind, name, last_heartbeat, versions FROM worker WHERE gone_at IS NULL ORDER BY name"


def _online() -> dict[str, list[dict[str, Any]]] | None:
    """The processes that are there, by kind; None when the database is not."""
    found: dict[str, list[dict[str, Any]]] = {"worker": [], "api": [], "content": []}
    try:
        with connected():
            for row in execute(_ONLINE):
                one = {"name": row["name"], "last_heartbeat": wire_time(row["last_heartbeat"]), "versions": row["versions"]}
                found[row["kind"]].append(one)
    except (peewee.OperationalError, peewee.InterfaceError, psycopg2.OperationalError) as error:
        logger.warning("status: database not available", error=str(error).strip())
        return None
    return found


class _Usage:
    """The store's usage, measured at most every `USAGE_TTL` seconds."""

    def __init__(self) -> None:
        self.value: dict[str, Any] | None = None
        self.until = 0.0

    def get(self) -> dict[str, Any]:
        if self.value is None or time.monotonic() > self.until:
            try:
                usage = get_storage().usage()
                self.value = {"total": usage.total, "used": usage.used, "free": usage.free}
            except (StorageError, OSError) as error:
                logger.warning("status: storage not available", error=str(error))
                self.value = {"total": None, "used": None, "free": None}
            self.until = time.monotonic() + USAGE_TTL
        return self.value


_usage = _Usage()


def _status(call: Call) -> Answer:
    online = _online()
    return Answer(200, {
        "versions": component_versions(),
        "online_workers": online["worker"] if online else [],
        "online_api_apps": online["api"] if online else [],
        "online_content_apps": online["content"] if online else [],
        "database_connection": {"connected": online is not None},
        "redis_connection": {"connected": False},
        "storage": _usage.get(),
        "content_settings": {
            "content_origin": settings.content_origin, "content_path_prefix": settings.CONTENT_PATH_PREFIX,
        },
        "domain_enabled": settings.DOMAIN_ENABLED,
    })


def _livez(call: Call) -> Answer:
    return Answer(200)


class Readiness(WireSchema):
    wire_name = "Readiness"
    database = Boolean(required=True, help="Whether the database can be reached.")
    storage = Boolean(required=True, help="Whether the object store can be reached.")


def _readyz(call: Call) -> Answer:
    found = readiness()
    return Answer(200 if all(found.values()) else 503, found, {"Cache-Control": "no-store"})


class OrphansCleanup(WireSchema):
    wire_name = "OrphansCleanup"
    content_hrefs = References(Content, items={}, help="Look at these units only.")
    orphan_protection_time = Integer(
        null=True, minimum=0, maximum=4294967295, bits=64, help="Minutes for which an orphan is kept.")


def _cleanup(call: Call) -> Answer:
    data = call.read()
    units = data.get("content_hrefs")
    if units is not None and not units:
        raise refuse("content_hrefs", "This list may not be empty.")
    return _clean(call, [str(unit.get_id()) for unit in units] if units else None, data.get("orphan_protection_time"))


def _clean(call: Call, units: list[str] | None, minutes: int | None) -> Answer:
    minutes = settings.ORPHAN_PROTECTION_TIME if minutes is None else minutes
    kwargs = {"content_pks": units, "orphan_protection_time": minutes}
    return call.accepted(ORPHAN_CLEANUP, kwargs, exclusive=[domain_resource("orphans")])


def service_endpoints() -> list[Endpoint]:
    return [
        Endpoint(path="status", tag="Status", listed=False, needs_domain=False, operations=[
            Operation("read", "GET", _status, permission=ANYONE, uses_database=False, responses={200: Status}),
        ]),
        Endpoint(path="livez", tag="Livez", listed=False, needs_domain=False, operations=[
            Operation("read", "GET", _livez, permission=ANYONE, uses_database=False, responses={200: None}),
        ]),
        Endpoint(path="readyz", tag="Readyz", component="actor", listed=False, needs_domain=False, operations=[
            Operation("read", "GET", _readyz, permission=ANYONE, uses_database=False,
                      responses={200: Readiness, 503: Readiness}, help="Whether this process can do its work."),
        ]),
        Endpoint(path="orphans", tag="Orphans", listed=False, operations=[
            Operation("delete", "DELETE", lambda call: _clean(call, None, None), responses={202: AsyncOperation}),
        ]),
        Endpoint(path="orphans/cleanup", tag="Orphans: Cleanup", listed=False, operations=[
            action("cleanup", _cleanup, OrphansCleanup, on_item=False, suffix=""),
        ]),
    ]
